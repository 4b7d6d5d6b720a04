"""/proc/net/snmp, netstat and snmp6."""

from reading import counters, recognised, sample, weirds

from lastseen.evidence.texts import proc_net_snmp as reader

PAIR = "Tcp: RtoAlgorithm MaxConn RetransSegs InCsumErrors\nTcp: 1 -1 12 0\n"


def test_names_are_those_of_nstat_and_settings_are_left_out() -> None:
    """Names above values."""
    assert counters(reader, PAIR) == {("", "TcpRetransSegs"): 12, ("", "TcpInCsumErrors"): 0}


def test_every_file() -> None:
    """A counter of each, with its MIB before it."""
    assert ("", "IpInReceives") in counters(reader, sample("proc_net_snmp/snmp"))
    assert ("", "TcpExtListenOverflows") in counters(reader, sample("proc_net_snmp/netstat"))
    assert ("", "Ip6InReceives") in counters(reader, sample("proc_net_snmp/snmp6"))
    assert ("", "IpForwarding") not in counters(reader, sample("proc_net_snmp/snmp"))


def test_values_without_their_names_are_weird() -> None:
    """Fewer values than names, values of another MIB, values twice."""
    assert weirds(reader, "Tcp: InErrs OutRsts\nTcp: 1\n") == [2]
    assert weirds(reader, "Tcp: InErrs OutRsts\nUdp: 1 2\n") == [2]
    assert weirds(reader, PAIR + "Tcp: 1 -1 12 0\n") == [3]
    assert counters(reader, "IcmpMsg: \nIcmpMsg: \n") == {}


def test_recognition() -> None:
    """By command when empty; a heading alone is not claimed."""
    assert recognised(reader, "", "cat /proc/net/netstat")
    assert not recognised(reader, "", "cat /proc/net/dev")
    assert not recognised(reader, "Tcp: RtoAlgorithm\nhello\n")
    assert not recognised(reader, "Tcp: RtoAlgorithm\n")
