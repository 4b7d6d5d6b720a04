"""What a lab's points, and the truth about them, are called."""

from dataclasses import dataclass

__all__ = ["Point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An interface of a node where packets are captured.

    `buffer_kib`: what the kernel keeps for a capture that does not read (tcpdump -B): room for 250 packets as offload
    makes them; with tcpdump's own 2 MiB a busy machine lost some.
    """

    node: str
    interface: str
    buffer_kib: int = 16_384

    @property
    def name(self) -> str:
        """As the diagnosis calls it: the capture's file name without its number."""
        return f"{self.node}_{self.interface}"
