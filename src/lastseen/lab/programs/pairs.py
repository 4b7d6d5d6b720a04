"""Two clients that connect with the same source port at the same moment, each on a CPU of its own.

Repeats with another port until one of the two has to send its SYN again (status 0), or until the rounds are over
(status 1). Says what became of each round.
"""

import argparse
import multiprocessing
import os
import socket
import sys
import time

__all__ = ["main"]

FIRST_PORT = 41_001
SOON_S = 0.01
"""Both have begun to wait for the moment by then."""
AT_ONCE_S = 0.5
"""A SYN is sent again after a second (RFC 6298): what is not connected by then was lost."""
LONGEST_S = 6.0


def main() -> None:
    """Race until one loses."""
    options = _options()
    cpus = sorted(os.sched_getaffinity(0))
    for round_number in range(options.rounds):
        port = FIRST_PORT + round_number
        moment = time.monotonic() + SOON_S
        with multiprocessing.get_context("fork").Pool(len(options.sources)) as pool:
            jobs = [
                (options.host, options.port, source, port, moment, cpus[number % len(cpus)])
                for number, source in enumerate(options.sources)
            ]
            took = pool.map(_connect, jobs)
        print(
            f"port {port}: connected after", ", ".join(f"{seconds:.3f}" for seconds in took), "s", flush=True
        )
        if max(took) > AT_ONCE_S:
            sys.exit(0)
    sys.exit(1)


def _connect(job: tuple[str, int, str, int, float, int]) -> float:
    """The seconds one client needed for a connection and a page."""
    host, server_port, source, port, moment, cpu = job
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.bind((source, port))
    connection.settimeout(LONGEST_S)
    os.sched_setaffinity(0, {cpu})
    while time.monotonic() < moment:
        pass
    connection.connect((host, server_port))
    took = time.monotonic() - moment
    connection.sendall(b"GET /page HTTP/1.1\r\nConnection: close\r\n\r\n")
    while connection.recv(65_536):
        pass
    connection.close()
    return took


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("sources", nargs=2)
    parser.add_argument("--rounds", type=int, default=40)
    return parser.parse_args()


if __name__ == "__main__":
    main()
