"""What varies between two runs of a scene, drawn before anything is built, so that a seed says it all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from string import Template

__all__ = ["Parameters", "Range", "draw", "filled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A scene's own parameter: its value in a plain run, and where a campaign draws from (ends included)."""

    plain: float
    low: float
    high: float
    whole: bool = True

    def drawn(self, random: Random) -> float:
        """One value; a whole number unless the range says otherwise."""
        return (
            random.randint(int(self.low), int(self.high))
            if self.whole
            else random.uniform(self.low, self.high)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """One run's values. `remote_net` and `vm_net` are the first three bytes of /24 networks."""

    seed: int = 0
    remote_net: str = "198.51.100"
    vm_net: str = "10.0.0"
    port: int = 80
    page_bytes: int = 2000
    timeout_s: int = 2
    others: int = 0
    """Other connections, healthy ones, that run beside."""
    own: Mapping[str, float] = field(default_factory=dict)
    """The scene's own, by name."""

    @property
    def remote(self) -> str:
        """The server's address."""
        return f"{self.remote_net}.9"

    @property
    def vm(self) -> str:
        """The client's address."""
        return f"{self.vm_net}.5"

    @property
    def remote_net6(self) -> str:
        """The server's /64, of the prefix for documentation (RFC 3849)."""
        return f"2001:db8:{self.remote_net.rpartition('.')[2]}:"

    @property
    def vm_net6(self) -> str:
        """The client's /64."""
        return f"2001:db8:{self.vm_net.replace('.', ':')}"

    @property
    def remote6(self) -> str:
        """The server's IPv6 address."""
        return f"{self.remote_net6}:9"

    @property
    def vm6(self) -> str:
        """The client's IPv6 address."""
        return f"{self.vm_net6}::5"

    @property
    def gateway(self) -> str:
        """The client's first hop."""
        return f"{self.vm_net}.1"

    @property
    def floating(self) -> str:
        """What a client behind a floating address is called outside."""
        return f"{self.remote_net}.50"

    def whole(self, name: str) -> int:
        """One of the scene's own parameters as a whole number."""
        return int(self.own[name])


_PORTS = (80, 443, 3000, 5000, 5432, 6379, 8000, 8080, 8443, 9200)
_TESTNETS = ("192.0.2", "198.51.100", "203.0.113")  # RFC 5737
_PAGE_BYTES = (600, 20_000)
_TIMEOUTS_S = (2, 3)
_MOST_OTHERS = 3
_ANY_SEED = 1 << 32


def draw(ranges: Mapping[str, Range], seed: int | None) -> Parameters:
    """The plain values without a seed; with one, values that depend on it alone."""
    if seed is None:
        return Parameters(own={name: span.plain for name, span in ranges.items()})
    random = Random(seed % _ANY_SEED)  # noqa: S311 - repeatable on purpose
    return Parameters(
        seed=seed,
        remote_net=random.choice(_TESTNETS),
        vm_net=f"10.{random.randint(1, 250)}.{random.randint(0, 250)}",
        port=random.choice(_PORTS),
        page_bytes=random.randint(*_PAGE_BYTES),
        timeout_s=random.randint(*_TIMEOUTS_S),
        others=random.randint(0, _MOST_OTHERS),
        own={name: span.drawn(random) for name, span in ranges.items()},
    )


def filled(text: str, parameters: Parameters) -> str:
    """`text` with this run's values in place of `$port`, `$remote`, `$vm6`, ... and the scene's own names."""
    named = {
        "port": str(parameters.port), "remote": parameters.remote, "remote_net": parameters.remote_net,
        "remote6": parameters.remote6, "remote_net6": parameters.remote_net6, "floating": parameters.floating,
        "vm": parameters.vm, "vm_net": parameters.vm_net, "vm6": parameters.vm6, "seed": str(parameters.seed),
    }  # fmt: skip
    return Template(text).substitute(named | {name: f"{value:g}" for name, value in parameters.own.items()})
