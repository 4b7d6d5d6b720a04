"""An HTTP/1.0-minded server on port 80: a page of known length, then a FIN; it never says "Connection: close"."""

import socket
import sys
import threading

PAGE = b"x" * 500


def answer(connection: socket.socket) -> None:
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE)


server = socket.create_server((sys.argv[1], 80), backlog=64)
print("ready", flush=True)
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
