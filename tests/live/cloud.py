"""A cloud on the loopback: an HTTP server that answers as Keystone, Nova and Neutron do (`answers/openstack`, SOURCES.md)."""

import contextlib
import ctypes
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ANSWERS = Path(__file__).parent / "answers/openstack"
PASSWORD = "not to be seen anywhere"


@dataclass
class Cloud:
    """What the cloud holds, and what it was asked; tests change it."""

    url: str = ""
    servers: list[dict[str, Any]] = field(default_factory=list)
    ports: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    """Servers of other projects, which only an administrator sees."""
    administrator: bool = False
    broken: Any = None
    """What to answer for Neutron's ports instead."""

    def said(self, name: str) -> Any:
        """One recorded answer, with this server's address in it."""
        return json.loads((ANSWERS / f"{name}.json").read_text("utf-8").replace("$url", self.url))

    def environment(self) -> dict[str, str]:
        """The user's credentials as `openrc` files set them."""
        return {
            "OS_AUTH_URL": f"{self.url}/identity/v3",
            "OS_USERNAME": "admin",
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": "admin",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
        }

    def answer(self, method: str, path: str, asked: dict[str, list[str]]) -> tuple[int, Any]:
        """Status and body of a request."""
        if method == "POST":
            return (201, self.said("token"))
        if path.startswith("/identity"):
            return 300, self.said("identity")
        if path.rstrip("/") == "/compute/v2.1":
            return 200, self.said("compute")
        if path.rstrip("/") == "/network":
            return 200, self.said("network")
        if path.endswith("/ports"):
            wanted = asked.get("device_id", [""])[0]
            return 200, self.broken or {"ports": [p for p in self.ports if p["device_id"] == wanted]}
        if "/servers" in path:
            return self._server(path, asked)
        return 404, {"itemNotFound": {"code": 404, "message": "no such thing"}}

    def _server(self, path: str, asked: dict[str, list[str]]) -> tuple[int, Any]:
        last = path.rpartition("/")[2]
        if last in ("servers", "detail"):
            if "all_tenants" in asked and not self.administrator:
                return 403, {"forbidden": {"code": 403, "message": "Policy doesn't allow it"}}
            name = re.compile(asked.get("name", [""])[0])
            known = self.servers + (self.others if "all_tenants" in asked else [])
            return 200, {"servers": [s for s in known if name.search(s["name"])]}
        found = [s for s in self.servers if s["id"] == last]
        absent = {"itemNotFound": {"code": 404, "message": f"Instance {last} could not be found."}}
        return (200, {"server": found[0]}) if found else (404, absent)


def _listening(netns: str, handler: type[BaseHTTPRequestHandler]) -> ThreadingTCPServer:
    """A socket belongs to the namespace of the thread that made it (setns(2)); whoever serves it may live elsewhere."""
    with Path("/run/netns", netns).open("rb") as file:
        assert ctypes.CDLL(None).setns(file.fileno(), 0) == 0
    return ThreadingTCPServer(("127.0.0.1", 0), handler)


@contextlib.contextmanager
def cloud(netns: str) -> Iterator[Cloud]:
    """The cloud while it stands on the loopback of a namespace, with the recorded answers' one server and its port."""
    held = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            held.asked.append(f"{self.command} {self.path}")
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            status, body = held.answer(self.command, parts.path, parse_qs(parts.query))
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if self.command == "POST":
                self.send_header("X-Subject-Token", "a-token")
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            """Nothing: `asked` has it."""

    with ThreadPoolExecutor(1) as inside:
        server = inside.submit(_listening, netns, Handler).result()
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    held.servers, held.ports = held.said("servers")["servers"], held.said("ports")["ports"]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
