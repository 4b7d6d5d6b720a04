"""A download that a card carries: both captures of its host see the handshake, the request, and the close."""

from written_cases import Sent, Talk, View, conntrack_stats, log_line, seen

CLIENT, SERVER = ("10.0.0.5", 40000), ("192.0.2.80", 443)
CARRIED = 200_000
"""Bytes the card has carried, of which neither capture knows."""
ENTRY = (
    "$ conntrack -L\ntcp      6 {}src=10.0.0.5 dst=192.0.2.80 sport=40000 dport=443 src=192.0.2.80 dst=10.0.0.5 "
    "sport=443 dport=40000 [{}] mark=0 use=2\n"
)
OFFLOADED, KEPT = ENTRY.format("", "HW_OFFLOAD"), ENTRY.format("431999 ESTABLISHED ", "ASSURED")
Files = dict[str, bytes | str]


def download(*, carried: int = CARRIED) -> Talk:
    """The server's FINs come back to the kernel's path and are repeated unheard; the client gives up after 6 s."""
    talk = Talk(client=CLIENT, server=SERVER, timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.next_seq[1] += carried
    talk.unheard_close(900)
    return talk


def lost(sent: Sent) -> bool:
    return sent.from_server and "F" in sent.flags


def captures(*, carried: int = CARRIED) -> Files:
    """The representor on the wire's side, and the machine's."""
    talk = download(carried=carried)
    return {"1_pf0.pcap": seen([talk], View()), "2_vf0.pcap": seen([talk], View(delay_ms=0.1, drop=lost))}


def host(*, entry: str = OFFLOADED, log: bool = True, counted: int | None = None) -> Files:
    """Texts of the host: its entry of the connection, the kernel's log, conntrack's counters."""
    fins = [sent for sent in download().sent if lost(sent)]
    lines = "".join(
        log_line(sent, reason="nf_ct_proto_6: SEQ is over upper bound 7", second=100 + at)
        for at, sent in enumerate(fins)
    )
    files: Files = {"mid/conntrack.txt": entry} if entry else {}
    if log:
        files["after/dmesg.txt"] = lines
    if counted is not None:
        files |= {"before/stats.txt": conntrack_stats(0), "after/stats.txt": conntrack_stats(counted)}
    return files
