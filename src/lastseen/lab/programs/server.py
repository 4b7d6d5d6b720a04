"""A server whose every habit is an option: it answers late, slowly, never closes, resets, does not accept or read.

Prints "ready" once it listens. Speaks enough HTTP for PHP and curl, echoes lines for long conversations, and
swallows uploads; `--udp` echoes datagrams, `--tls` speaks all of it below TLS.
"""

import argparse
import fcntl
import os
import select
import socket
import ssl
import struct
import sys
import termios
import threading
import time

__all__ = ["main"]

REQUEST_BYTES = 65_536
DATAGRAM_BYTES = 65_507
LONGEST_UNHEARD_S = 5.0
"""Pages are acknowledged within a round trip; who does not by then never will."""
POLL_S = 0.001


def main() -> None:
    """Serve until killed."""
    options = _options()
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if options.udp else socket.SOCK_STREAM
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.receive_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.receive_buffer)
    if options.fast_open:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    listener.bind((options.host, options.port))
    if options.udp:
        print("ready", flush=True)
        _answer_datagrams(listener, opaque=options.opaque)
    listener.listen(options.backlog)
    print("ready", flush=True)
    if options.accept_after:
        select.select(
            [listener], [], []
        )  # counted from the first connection: how long a lab takes to begin varies
        time.sleep(options.accept_after)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_safely, args=(connection, options), daemon=True).start()


def _safely(connection: socket.socket, options: argparse.Namespace) -> None:
    try:
        _answer(_secured(connection, options.tls) if options.tls else connection, options)
    except OSError as error:
        print(error, flush=True)


def _secured(connection: socket.socket, certificate: str) -> socket.socket:
    """The same connection under TLS; `certificate`: a file with certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context.wrap_socket(connection, server_side=True)


def _answer(connection: socket.socket, options: argparse.Namespace) -> None:
    if options.no_delay:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if options.speak == "echo":
        while data := connection.recv(REQUEST_BYTES):
            connection.sendall(data)
    elif options.speak == "sink":
        time.sleep(options.think)
        _swallow(connection)
    else:
        _http(connection, options)
    _close(connection, options.close)


def _swallow(connection: socket.socket) -> None:
    total = 0
    while data := connection.recv(REQUEST_BYTES):
        total += len(data)
    connection.sendall(b"%d\n" % total)


def _http(connection: socket.socket, options: argparse.Namespace) -> None:
    request = b""
    while b"\r\n\r\n" not in request and (data := connection.recv(REQUEST_BYTES)):
        request += data
    time.sleep(options.think)
    head = (
        f"HTTP/1.1 200 OK\r\nServer: shop\r\nContent-Type: text/plain\r\nContent-Length: {options.bytes}\r\n"
    )
    head += "Connection: close\r\n\r\n" if not options.keep_open else "\r\n"
    body = b"x" * options.bytes
    if options.pieces == 1:
        connection.sendall(head.encode() + body)
    else:
        connection.sendall(head.encode())
        step = -(-len(body) // options.pieces)
        for start in range(0, len(body), step):
            time.sleep(options.pause)
            connection.sendall(body[start : start + step])
    if options.keep_open:
        connection.settimeout(options.keep_open)
        connection.recv(1)  # the client's end of file, or the server's patience


def _close(connection: socket.socket, how: str) -> None:
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "apart":
        _wait_until_heard(connection)
    connection.close()


def _wait_until_heard(connection: socket.socket) -> None:
    """Until all that was sent is acknowledged (tcp(7), SIOCOUTQ): the FIN is then a packet of its own.

    Otherwise it travels with the last data, where a page is larger than the first congestion window.
    """
    end = time.monotonic() + LONGEST_UNHEARD_S
    while int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder):
        if time.monotonic() > end:
            return
        time.sleep(POLL_S)


def _answer_datagrams(listener: socket.socket, *, opaque: bool) -> None:
    """Echo them, or answer each with as many bytes that mean nothing to anybody."""
    while True:
        data, address = listener.recvfrom(DATAGRAM_BYTES)
        listener.sendto(os.urandom(len(data)) if opaque else data, address)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--speak", choices=("http", "echo", "sink"), default="http")
    parser.add_argument("--close", choices=("fin", "apart", "reset"), default="fin")
    parser.add_argument("--tls", default="", metavar="FILE")
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--opaque", action="store_true")
    parser.add_argument("--no-delay", action="store_true")
    parser.add_argument("--fast-open", action="store_true")
    for name, value in (("bytes", 2000), ("backlog", 64), ("receive-buffer", 0), ("pieces", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name in ("think", "keep-open", "accept-after", "pause"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
