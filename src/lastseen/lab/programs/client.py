"""A client for what neither PHP nor curl does: long conversations with a rest, half-closed downloads, uploads, crowds.

Prints a line a step with the seconds it took, as an application's log would. Ends with status 1 when something timed
out or was refused.
"""

import argparse
import concurrent.futures
import contextlib
import os
import socket
import struct
import sys
import time

__all__ = ["main"]

CHUNK = 65_536
TCP_REPAIR, TCP_TIMESTAMP = 19, 24
"""include/uapi/linux/tcp.h; needs CAP_NET_ADMIN."""
SO_SNDBUFFORCE, SO_RCVBUFFORCE, UDP_SEGMENT = 32, 33, 103
"""include/uapi/asm-generic/socket.h (beyond net.core.wmem_max; need CAP_NET_ADMIN), include/uapi/linux/udp.h."""
ROOM, TOGETHER = 16_000_000, 60
"""Bytes of buffers for thousands of datagrams; UDP_MAX_SEGMENTS was 64 at first."""
REPAIR_ON, REPAIR_OFF = 1, -1  # off without a window probe


def main() -> None:
    """Do what `mode` says, and leave with its status."""
    options = _options()
    began = time.monotonic()
    try:
        said = MODES[options.mode](options)
        status = 0
    except OSError as error:
        said, status = f"{type(error).__name__}: {error}", 1
    print(f"{options.mode}: {said} after {time.monotonic() - began:.3f} s", flush=True)
    sys.exit(status)


def _connected(options: argparse.Namespace) -> socket.socket:
    began = time.monotonic()
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(options.timeout)
    if options.receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.receive_buffer)
    if options.source_port:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind(("", options.source_port))
    if options.keep_alive:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            connection.setsockopt(socket.IPPROTO_TCP, name, options.keep_alive)
    connection.connect((options.host, options.port))
    print(f"connected after {time.monotonic() - began:.3f} s", flush=True)
    return connection


def _step_clock(connection: socket.socket, milliseconds: int) -> None:
    """Set the clock that this connection's timestamps tell, as whatever restores a container does (CRIU)."""
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_ON)
    now = connection.getsockopt(socket.IPPROTO_TCP, TCP_TIMESTAMP) & 0xFFFF_FFFE  # bit 0: count microseconds
    stepped = struct.pack("I", (now + 2 * (milliseconds // 2)) % (1 << 32))
    connection.setsockopt(socket.IPPROTO_TCP, TCP_TIMESTAMP, stepped)
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF)


def _read_to_end(connection: socket.socket) -> int:
    total = 0
    while data := connection.recv(CHUNK):
        total += len(data)
    return total


def get(options: argparse.Namespace) -> str:
    """Ask for a page and read it to the end."""
    connection = _connected(options)
    if options.clock_step:
        _step_clock(connection, options.clock_step)
    connection.sendall(_request(options))
    time.sleep(options.rest)
    return f"{_read_to_end(connection)} bytes"


def upload(options: argparse.Namespace) -> str:
    """Send many bytes, then read what the server counted."""
    connection = _connected(options)
    connection.sendall(b"u" * options.bytes)
    connection.shutdown(socket.SHUT_WR)
    return connection.recv(CHUNK).decode().strip() or "no answer"


def talk(options: argparse.Namespace) -> str:
    """Say something and hear it back, rest, and say it again, `count` times."""
    connection = _connected(options)
    for number in range(options.count):
        if number:
            time.sleep(options.rest)
            if options.clock_step:
                _step_clock(connection, options.clock_step)
        for part in range(options.parts):
            connection.sendall(b"%d" % (part % 10) * options.bytes)
        heard = 0
        while heard < options.bytes * options.parts:
            data = connection.recv(CHUNK)
            if not data:
                raise ConnectionError("closed by the server")
            heard += len(data)
        print(f"answer {number + 1} heard", flush=True)
    connection.close()
    return f"{options.count} answers"


def half(options: argparse.Namespace) -> str:
    """Ask, close the sending half, and read to the end."""
    connection = _connected(options)
    connection.sendall(_request(options))
    connection.shutdown(socket.SHUT_WR)
    return f"{_read_to_end(connection)} bytes"


def crowd(options: argparse.Namespace) -> str:
    """`count` connections at once, or one after another with --one-by-one; each asks for a page."""
    if options.one_by_one:
        results = [_one(options) for _ in range(options.count)]
    else:
        with concurrent.futures.ThreadPoolExecutor(options.count) as pool:
            results = list(pool.map(lambda _: _one(options), range(options.count)))
    failed = [result for result in results if result]
    if failed:
        raise ConnectionError(f"{len(failed)} of {len(results)} failed, first: {failed[0]}")
    return f"{len(results)} pages"


def _one(options: argparse.Namespace) -> str:
    try:
        connection = _connected(options)
        connection.sendall(_request(options))
        _read_to_end(connection)
        time.sleep(options.rest)
        connection.close()
    except OSError as error:
        return f"{type(error).__name__} {error}"
    return ""


def datagrams(options: argparse.Namespace) -> str:
    """`count` datagrams of that size, each answered."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    sender = socket.socket(family, socket.SOCK_DGRAM)
    sender.settimeout(options.timeout)
    for number in range(options.count):
        sender.sendto(b"%d" % (number % 10) * options.bytes, (options.host, options.port))
        sender.recv(CHUNK)
    return f"{options.count} answers"


def calls(options: argparse.Namespace) -> str:
    """`count` datagrams, `rest` seconds apart whether answered or not; an error unless each got its answer."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((options.host, options.port))
    sender.settimeout(options.timeout)
    for number in range(options.count):
        sender.send(number.to_bytes(4) + os.urandom(options.bytes - 4))
        time.sleep(options.rest)
    return _heard(sender, options)


def burst(options: argparse.Namespace) -> str:
    """`count` datagrams at once, many a call and all from one CPU; an error unless each got its answer."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for name in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
        sender.setsockopt(socket.SOL_SOCKET, name, ROOM)
    sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, options.bytes)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sender.connect((options.host, options.port))
    sender.settimeout(options.timeout)
    said = [number.to_bytes(4) + bytes(options.bytes - 4) for number in range(options.count)]
    for number in range(0, options.count, TOGETHER):
        sender.send(b"".join(said[number : number + TOGETHER]))
    return _heard(sender, options)


def _heard(sender: socket.socket, options: argparse.Namespace) -> str:
    heard: set[bytes] = set()
    with contextlib.suppress(TimeoutError):
        while len(heard) < options.count:
            heard.add(sender.recv(CHUNK)[:4])
    if len(heard) < options.count:
        raise TimeoutError(f"{len(heard)} of {options.count} answered")
    return f"{options.count} answers"


def _request(options: argparse.Namespace) -> bytes:
    return f"GET /page HTTP/1.1\r\nHost: {options.host}\r\nConnection: close\r\n\r\n".encode()


MODES = {mode.__name__: mode for mode in (get, upload, talk, half, crowd, datagrams, calls, burst)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=sorted(MODES))
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--one-by-one", action="store_true")
    for name, value in (
        ("bytes", 100),
        ("count", 1),
        ("parts", 1),
        ("receive-buffer", 0),
        ("source-port", 0),
        ("clock-step", 0),
        ("keep-alive", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, seconds in (("timeout", 5.0), ("rest", 0.0)):
        parser.add_argument(f"--{name}", type=float, default=seconds)
    return parser.parse_args()


if __name__ == "__main__":
    main()
