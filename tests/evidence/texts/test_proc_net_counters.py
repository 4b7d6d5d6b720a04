"""/proc/net/softnet_stat, /proc/net/dev and `ifconfig`, which prints the latter."""

from reading import counters, recognised, rows, sample, weirds

from lastseen.evidence.texts import ifconfig, ip_link, proc_net_dev, softnet_stat
from lastseen.tables.facts_from_texts import Interface

DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0:1000 11 1 2 3 4 5 6 2000 12 7 8 9 10 11 13
eth0:1:   1 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""


def test_softnet_columns_of_each_kernel() -> None:
    """The CPU is the thirteenth column where there is one, else the line; a missing column is unknown."""
    old = counters(softnet_stat, sample("softnet_stat/linux_3_10_written"))
    assert old["cpu=0", "dropped"] == 2
    assert old["cpu=0", "time_squeeze"] == 12
    assert old["cpu=0", "received_rps"] == 5
    assert ("cpu=0", "flow_limit_count") not in old
    new = "00000001 00000002 00000003 0 0 0 0 0 00000000 00000004 00000005 00000000 00000007".replace(
        " 0 ", " 00000000 "
    )
    line = new.replace(" 0 ", " 00000000 ")
    assert counters(softnet_stat, line)["cpu=7", "flow_limit_count"] == 5
    assert weirds(softnet_stat, "0000 0001\n") == [1]
    assert recognised(softnet_stat, "", "cat /proc/net/softnet_stat")
    assert not recognised(softnet_stat, "0000 0001\n")


def test_proc_net_dev_names_sums_as_sums() -> None:
    """drop, frame and carrier are sums of several counters; the name may touch the number or hold a colon."""
    found = counters(proc_net_dev, DEV)
    eth0 = {name: value for (scope, name), value in found.items() if scope == "eth0"}
    assert eth0 == {
        "rx_bytes": 1000, "rx_packets": 11, "rx_errors": 1, "rx_dropped_or_missed": 2, "rx_fifo_errors": 3,
        "rx_frame_sum_errors": 4, "rx_compressed": 5, "rx_mcast": 6, "tx_bytes": 2000, "tx_packets": 12,
        "tx_errors": 7, "tx_dropped": 8, "tx_fifo_errors": 9, "tx_collsns": 10, "tx_carrier_sum_errors": 11,
        "tx_compressed": 13,
    }  # fmt: skip
    assert found["eth0:1", "rx_packets"] == 2
    assert weirds(proc_net_dev, DEV.replace(" 13\n", "\n")) == [3]
    assert recognised(proc_net_dev, "", "cat /proc/net/dev")


def test_a_counter_has_one_name_in_all_three() -> None:
    """The same machine, asked three ways."""
    link = counters(ip_link, sample("ip_link/iproute2_6_1_ssd"))
    for other in (
        counters(proc_net_dev, sample("proc_net_dev/linux_6_18")),
        counters(ifconfig, sample("ifconfig/net_tools_2_10")),
    ):
        assert other["va", "rx_packets"]
        same = {key for key in set(other) & set(link) if "sum" not in key[1]}
        assert {"rx_bytes", "tx_packets", "rx_errors", "tx_dropped", "tx_collsns"} <= {
            name for _, name in same
        }


def test_ifconfig_of_1_60() -> None:
    """`Link encap`, `name:value` pairs, both ways on one line."""
    text = sample("ifconfig/net_tools_1_60_written")
    found = counters(ifconfig, text)
    assert found["eth0", "rx_dropped_or_missed"] == 6486
    assert found["eth0", "tx_bytes"] == 7788
    assert found["eth0", "rx_bytes"] == 5174
    assert found["eth0", "tx_collsns"] == 0
    assert found["eth0", "tx_carrier_sum_errors"] == 0
    eth0, _ = [row for row in rows(ifconfig, text) if isinstance(row, Interface)]
    assert (eth0.mac, eth0.mtu_bytes, eth0.state) == ("52:54:00:ab:cd:ef", 1500, "UP")
    assert eth0.addresses == ("10.0.0.5/24", "fe80::5054:ff:feab:cdef/64")


def test_ifconfig_of_2_x() -> None:
    """`flags=`, pairs with a blank."""
    found = [row for row in rows(ifconfig, sample("ifconfig/net_tools_2_10")) if isinstance(row, Interface)]
    va = next(row for row in found if row.name == "va")
    assert va.addresses[:2] == ("10.9.0.1/24", "fd00:9::1/64")
    assert va.state == "UP"
    assert weirds(ifconfig, "hello\n") == [1]
    assert weirds(ifconfig, "eth0: flags=73<UP>  mtu 65536\nhello\n") == [2]
    assert recognised(ifconfig, "", "ifconfig -a")
    assert not recognised(ifconfig, "", "ifconfig eth0 10.0.0.1 netmask 255.0.0.0 up")
