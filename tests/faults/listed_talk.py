"""A conversation as `tcpdump -tttt` without -v lists it: no TTL, no IP id, no DF flag."""

from written_cases import Talk, View

__all__ = ["listing"]


def listing(talk: Talk, view: View) -> str:
    """The lines of one point, in order of time; times begin at the second before the talk's."""
    lines = []
    for sent in talk.sent:
        ip = sent.packet
        if view.drop(sent):
            continue
        word = lambda at, size=2: int.from_bytes(ip[at : at + size], "big")  # noqa: B023, E731
        ends = [".".join(map(str, ip[at : at + 4])) for at in (12, 16)]
        size = len(ip) - 20 - (ip[32] >> 4) * 4
        seq = word(24, 4)
        shown = (
            f"seq {seq}:{seq + size}, " if size else f"seq {seq}, " if set("SFR") & set(sent.flags) else ""
        )
        ack = f"ack {word(28, 4)}, " if "A" in sent.flags else ""
        flags = sent.flags.replace("A", ".") if sent.flags != "A" else "."
        at = sent.at_ms + (view.delay_ms if sent.from_server else -view.delay_ms) + 1000
        clock = f"22:13:{int(at) // 1000:02d}.{int(at * 1000) % 1_000_000:06d}"
        lines.append(
            f"2023-11-14 {clock} IP {ends[0]}.{word(20)} > {ends[1]}.{word(22)}: "
            f"Flags [{flags}], {shown}{ack}win {word(34)}, length {size}"
        )
    return "\n".join(sorted(lines)) + "\n"
