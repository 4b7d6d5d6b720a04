"""What people do on a lab's network: pages by PHP and curl, conversations, uploads, datagrams.

Each function gives a `Serve` or a `Work` for a scene. A client is started and returned while it runs; what it printed
is in the case folder as a user would paste it.
"""

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.scene import Serve, Work

__all__ = [
    "NAME",
    "client",
    "closes_apart",
    "curl",
    "first",
    "names",
    "next_port",
    "php",
    "resolver",
    "secure",
    "server",
    "web",
]

NAME = "shop.example"
"""What the lab's name server knows (RFC 2606)."""

LONGEST_FIRST_S = 20.0
"""A client that only shows the way for another is done in milliseconds."""
SYSCALLS = (
    "trace=socket,connect,poll,ppoll,select,pselect6,epoll_wait,recvfrom,recvmsg,recvmmsg,sendto,sendmsg,sendmmsg,"
    "read,write,close,shutdown,getsockopt,setsockopt,exit_group"
)
Part = TypeVar("Part")
Address = Callable[[Parameters], str]


def _remote(parameters: Parameters) -> str:
    return parameters.remote


def server(*options: object, node: str = "remote", at: Address = _remote) -> Serve:
    """The lab's own server with these options; `bytes` of a page are the parameters' where not given."""
    return partial(_serve, options=options, node=node, at=at)


def _serve(lab: Lab, parameters: Parameters, *, options: tuple[object, ...], node: str, at: Address) -> None:
    size = () if "--bytes" in options else ("--bytes", parameters.page_bytes)
    lab.serve(node, "server", at(parameters), parameters.port, *size, *_filled(options, parameters))


web = server()
"""Answers with a page and closes."""
closes_apart = server("--close", "apart")
"""The same; its FIN is always a packet without data."""


def secure(*options: object) -> Serve:
    """The lab's own server under TLS, with a certificate of its own making."""
    return partial(_secure, options=options)


def _secure(lab: Lab, parameters: Parameters, *, options: tuple[object, ...]) -> None:
    both = lab.scratch / "server.pem"
    lab.node("remote").run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", f"/CN={NAME}", "-keyout", str(both), "-out", str(both.with_suffix(".crt")),
    )  # fmt: skip
    with both.open("a", encoding="utf-8") as stream:
        stream.write(both.with_suffix(".crt").read_text("utf-8"))
    server(*options, "--tls", both)(lab, parameters)


def names(*options: object) -> Serve:
    """A name server on the remote node that knows NAME, and the VM's resolver set to it."""
    return partial(_names, options=options)


def _names(lab: Lab, parameters: Parameters, *, options: tuple[object, ...]) -> None:
    lab.serve("remote", "names", parameters.remote, parameters.remote, *_filled(options, parameters))
    resolver(lab, parameters.remote)


def resolver(lab: Lab, *servers: str) -> None:
    """Set the VM's resolver to these name servers, asked in this order."""
    settings = lab.scratch / "resolv.conf"
    asked = "".join(f"nameserver {server}\n" for server in servers)
    settings.write_text(f"{asked}options timeout:2 attempts:2\n", "utf-8")
    lab.node("vm").run("mount", "--bind", str(settings), "/etc/resolv.conf")


def php(*, at: Address = _remote, node: str = "vm") -> Work:
    """`file_get_contents` of the page, below strace. It reads to the end of file, as PHP does."""
    return partial(_php, at=at, node=node)


def _php(lab: Lab, parameters: Parameters, *, at: Address, node: str) -> subprocess.Popen[bytes]:
    code = f"echo strlen(file_get_contents('{_url(parameters, at)}')), PHP_EOL;"
    return _traced(
        lab, node, ["php", "-n", "-d", f"default_socket_timeout={parameters.timeout_s}", "-r", code]
    )


def curl(*options: str, at: Address = _remote, node: str = "vm", scheme: str = "http") -> Work:
    """The page by curl, which ends with the last byte promised."""
    return partial(_curl, options=options, at=at, node=node, scheme=scheme)


def _curl(
    lab: Lab, parameters: Parameters, *, options: tuple[str, ...], at: Address, node: str, scheme: str
) -> subprocess.Popen[bytes]:
    limit = _filled(options, parameters) or ("--max-time", str(2 * parameters.timeout_s))
    said = "%{http_code} after %{time_total} s, connected after %{time_connect} s\\n"
    return _traced(
        lab, node, ["curl", "-sS", *limit, "-o", "/dev/null", "-w", said, _url(parameters, at, scheme)]
    )


def _traced(lab: Lab, node: str, command: list[str]) -> subprocess.Popen[bytes]:
    prefix = "second_" if (lab.folder / "cmd.txt").exists() else ""
    trace_file = lab.folder / f"{prefix}strace.txt"
    trace = ["strace", "-f", "-ttt", "-T", "-yy", "-e", SYSCALLS, "-o", str(trace_file)]
    (lab.folder / f"{prefix}cmd.txt").write_text(f"node={node}\n$ {' '.join(command)}\n", "utf-8")
    with (lab.folder / f"{prefix}output.txt").open("wb") as stream:
        return lab.node(node).start(*trace, *command, stdout=stream, stderr=subprocess.STDOUT)


def _url(parameters: Parameters, at: Address, scheme: str = "http") -> str:
    host = at(parameters)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{parameters.port}/page"


def client(mode: str, *options: object, at: Address = _remote, node: str = "vm") -> Work:
    """The lab's own client in that mode."""
    return partial(_client, mode=mode, options=options, at=at, node=node)


def _client(
    lab: Lab, parameters: Parameters, *, mode: str, options: tuple[object, ...], at: Address, node: str
) -> subprocess.Popen[bytes]:
    said = _filled(options, parameters)
    log = _free_log(lab, f"{node}_client")
    return lab.program(node, "client", mode, at(parameters), parameters.port, *said, log=log)


def _filled(options: Iterable[object], parameters: Parameters) -> tuple[str, ...]:
    """The options of a program, with this run's values where they name them: "$think"."""
    return tuple(filled(str(option), parameters) for option in options)


def _free_log(lab: Lab, stem: str) -> str:
    return f"{stem}_second.log" if (lab.folder / f"{stem}.log").exists() else f"{stem}.log"


def next_port(part: Callable[[Lab, Parameters], Part]) -> Callable[[Lab, Parameters], Part]:
    """The same server or client at the port that follows: a second service beside the one in question."""
    return lambda lab, parameters: part(lab, replace(parameters, port=parameters.port + 1))


def first(before: Work, then: Work) -> Work:
    """Two clients one after the other."""

    def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
        if (process := before(lab, parameters)) is not None:
            process.wait(LONGEST_FIRST_S)
        return then(lab, parameters)

    return work
