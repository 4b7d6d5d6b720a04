"""A TCP proxy: each connection it takes is joined to one of its own to the server, on the same port.

Prints "ready" once it listens. `--patience`: close both when nothing was said for so long (seconds).
"""

import argparse
import select
import socket
import threading

__all__ = ["main"]

CHUNK = 65_536
CONNECT_S = 10.0


def main() -> None:
    """Relay until killed."""
    options = _options()
    listener = socket.create_server((options.host, options.port), backlog=64)
    print("ready", flush=True)
    while True:
        near, _ = listener.accept()
        threading.Thread(target=_safely, args=(near, options), daemon=True).start()


def _safely(near: socket.socket, options: argparse.Namespace) -> None:
    try:
        with near, socket.create_connection((options.server, options.port), CONNECT_S) as far:
            _relay(near, far, options.patience or None)
    except OSError as error:
        print(error, flush=True)


def _relay(near: socket.socket, far: socket.socket, patience: float | None) -> None:
    """Pass bytes and ends of file on, both ways, until both are over or patience is."""
    other = {near: far, far: near}
    open_ends = [near, far]
    while open_ends:
        ready = select.select(open_ends, [], [], patience)[0]
        if not ready:
            return
        for end in ready:
            if data := end.recv(CHUNK):
                other[end].sendall(data)
            else:
                open_ends.remove(end)
                other[end].shutdown(socket.SHUT_WR)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("server")
    parser.add_argument("--patience", type=float, default=0.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
