"""A router whose filter refuses one client's packets; and the same loss on a router that does not filter."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def refused() -> Talk:
    talk = Talk(timestamps=True)
    talk.send(0, "S", client=True)
    for at_ms in (1000, 3000, 7000):
        talk.send(at_ms, "S", client=True, again=0)
    return talk


def other() -> Talk:
    """Another client's connection passes both points."""
    talk = Talk(client=("10.0.1.9", 51000), timestamps=True)
    for at_ms in (500, 6000, 9000):
        if at_ms == 500:
            talk.opening()
        talk.exchange(at_ms)
    return talk


def nstat(refusals: int) -> str:
    return (
        "#kernel\nIpInReceives                    5120               0.0\n"
        f"TcpExtIPReversePathFilter       {refusals}                0.0\n"
    )


def captures() -> dict[str, bytes | str]:
    talks = [refused(), other()]
    behind = View(
        delay_ms=-0.1, drop=lambda sent: sent.flags == "S" and sent.packet[12:16] == bytes((10, 0, 0, 5))
    )
    return {"1_wan0.pcap": seen(talks, behind), "2_lan0.pcap": seen(talks, View())}


def texts(refusals: int, setting: int) -> dict[str, bytes | str]:
    return {
        "before/router/nstat.txt": nstat(3),
        "after/router/nstat.txt": nstat(3 + refusals),
        "after/router/sysctl.txt": f"net.ipv4.conf.all.rp_filter = {setting}\nnet.ipv4.conf.lan0.rp_filter = {setting}\n",
    }


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/reverse_path_filter.py; "
    write_case(
        folder / "positive" / "written_counted",
        captures() | texts(4, 1) | {"ORIGIN.md": origin + "four SYNs of one client refused and counted.\n"},
    )
    write_case(
        folder / "near_miss" / "written_filter_off",
        captures() | texts(0, 0) | {"ORIGIN.md": origin + "the same loss where the filter is off.\n"},
    )
