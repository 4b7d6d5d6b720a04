"""A name server that knows one name: it answers after a pause, and may ignore what asks for IPv6.

Prints "ready" once it listens. Messages as RFC 1035, section 4 says; every question is answered with the one address,
but a question for another type (AAAA) with no answer at all.
"""

import argparse
import socket
import struct
import threading
import time

__all__ = ["main"]

PORT = 53
HEADER_BYTES = 12
A, AAAA, CLASS_IN = 1, 28, 1
ANSWER_FLAGS = 0x8580
"""A response, authoritative, recursion wanted and available."""
NAME_IN_QUESTION = 0xC00C
"""A pointer to the name that the question begins with."""
TTL_S = 60
LONGEST = 4096


def main() -> None:
    """Answer until killed."""
    options = _options()
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((options.host, PORT))
    print("ready", flush=True)
    while True:
        query, client = listener.recvfrom(LONGEST)
        threading.Thread(target=_answer, args=(listener, client, query, options), daemon=True).start()


def _answer(
    listener: socket.socket, client: tuple[str, int], query: bytes, options: argparse.Namespace
) -> None:
    question = query[HEADER_BYTES : query.index(b"\0", HEADER_BYTES) + 5]
    kind = int.from_bytes(question[-4:-2])
    if kind == AAAA and options.ignore_six:
        return
    time.sleep(options.think)
    answers = b""
    if kind == A:
        answers = struct.pack(">HHHIH", NAME_IN_QUESTION, A, CLASS_IN, TTL_S, 4) + socket.inet_aton(
            options.address
        )
    head = query[:2] + struct.pack(">HHHHH", ANSWER_FLAGS, 1, int(bool(answers)), 0, 0)
    listener.sendto(head + question + answers, client)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("address")
    parser.add_argument("--think", type=float, default=0.0)
    parser.add_argument("--ignore-six", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
