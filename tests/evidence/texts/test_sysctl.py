"""Settings read from /proc/sys, beside `sysctl`'s own form."""

from reading import recognised, rows, weirds

from lastseen.evidence.texts import sysctl
from lastseen.tables.facts_from_texts import Setting


def _settings(text: str, command: str = "") -> list[tuple[str, str]]:
    return [(row.name, row.value) for row in rows(sysctl, text, command) if isinstance(row, Setting)]


def test_grep_over_proc_sys() -> None:
    """Slashes become dots; a dot in an interface's name a slash, as sysctl prints it."""
    text = "/proc/sys/net/ipv4/conf/eth0.7/rp_filter:1\n/proc/sys/net/ipv4/tcp_rmem:4096 131072 6291456\n"
    assert _settings(text) == [
        ("net.ipv4.conf.eth0/7.rp_filter", "1"),
        ("net.ipv4.tcp_rmem", "4096 131072 6291456"),
    ]
    assert recognised(sysctl, text)


def test_one_file() -> None:
    """Its name is in the command; the count of connections is no setting."""
    assert _settings("1\n\n", "cat /proc/sys/net/netfilter/nf_conntrack_checksum") == [
        ("net.netfilter.nf_conntrack_checksum", "1")
    ]
    assert recognised(sysctl, "1\n", "cat /proc/sys/net/netfilter/nf_conntrack_checksum")
    assert not recognised(sysctl, "1\n", "cat /proc/sys/net/netfilter/nf_conntrack_count")


def test_sysctl_itself() -> None:
    """`name = value`, an empty value, a refusal, and anything else."""
    text = "net.ipv4.tcp_congestion_control = cubic\nnet.ipv4.tcp_fastopen_key =\nsysctl: permission denied on key 'x'\nhello\n"
    assert _settings(text) == [
        ("net.ipv4.tcp_congestion_control", "cubic"),
        ("net.ipv4.tcp_fastopen_key", ""),
    ]
    assert weirds(sysctl, text) == [4]
    assert recognised(sysctl, text.removesuffix("hello\n"))
