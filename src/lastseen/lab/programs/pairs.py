"""Two clients that connect with the same source port at the same moment, each on a CPU of its own.

Repeats with another port until one of the two has to send its SYN again (status 0), or until the time is over
(status 1). Says what became of each round. Whether a SYN was sent again is the kernel's word: on a busy machine clients
are late for other reasons, too.
"""

import argparse
import multiprocessing
import os
import socket
import struct
import sys
import time

__all__ = ["main"]

FIRST_PORT = 41_001
SOON_S = 0.01
"""Both have begun to wait for the moment by then."""
LONGEST_S = 6.0
_SENT_AGAIN = struct.Struct("=100xI")
"""tcpi_total_retrans in tcp_info (linux/tcp.h): how often this connection sent anything again."""


def main() -> None:
    """Race until one loses."""
    options = _options()
    cpus = sorted(os.sched_getaffinity(0))
    end = time.monotonic() + options.seconds
    port = FIRST_PORT
    while time.monotonic() < end:
        moment = time.monotonic() + SOON_S
        with multiprocessing.get_context("fork").Pool(len(options.sources)) as pool:
            jobs = [
                (options.host, options.port, source, port, moment, cpus[number % len(cpus)])
                for number, source in enumerate(options.sources)
            ]
            rounds = pool.map(_connect, jobs)
        print(
            f"port {port}: connected after",
            ", ".join(f"{seconds:.3f}" for seconds, _ in rounds),
            "s",
            flush=True,
        )
        if any(again for _, again in rounds):
            sys.exit(0)
        port += 1
    sys.exit(1)


def _connect(job: tuple[str, int, str, int, float, int]) -> tuple[float, int]:
    """The seconds until one client was connected, and how many packets it sent again until then."""
    host, server_port, source, port, moment, cpu = job
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.bind((source, port))
    connection.settimeout(LONGEST_S)
    os.sched_setaffinity(0, {cpu})
    while time.monotonic() < moment:
        pass
    connection.connect((host, server_port))
    took = time.monotonic() - moment
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SENT_AGAIN.size)
    (again,) = _SENT_AGAIN.unpack(told)
    connection.sendall(b"GET /page HTTP/1.1\r\nConnection: close\r\n\r\n")
    while connection.recv(65_536):
        pass
    connection.close()
    return took, again


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("sources", nargs=2)
    parser.add_argument("--seconds", type=float, default=30.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
