"""ethtool's settings as text and JSON, and offloads as JSON."""

from reading import recognised, rows, sample, weirds

from lastseen.evidence.texts import Reader, ethtool_features, ethtool_json
from lastseen.evidence.texts import ethtool_settings as reader
from lastseen.tables.facts_from_texts import Setting


def _settings(of: Reader, text: str, command: str = "") -> dict[tuple[str, str], str]:
    return {(row.scope, row.name): row.value for row in rows(of, text, command) if isinstance(row, Setting)}


def test_each_command() -> None:
    """Unknown values give no rows."""
    assert _settings(reader, sample("ethtool_settings/veth"))["phy:va", "speed"] == "10000Mb/s"
    assert _settings(reader, sample("ethtool_settings/veth"))["phy:va", "link-detected"] == "yes"
    channels = _settings(reader, sample("ethtool_settings/channels"))
    assert (channels["channels:va", "rx-max"], channels["channels:va", "rx"]) == ("2", "1")
    assert ("channels:va", "combined") not in channels
    ring = _settings(reader, sample("ethtool_settings/ring"))
    assert (ring["ring:eth0", "rx-max"], ring["ring:eth0", "rx"], ring["ring:eth0", "tx-push"]) == (
        "256",
        "256",
        "off",
    )
    coalesce = _settings(
        reader, "Coalesce parameters for e:\nAdaptive RX: on  TX: off\n\nrx-usecs: 50\nrx-frames: n/a\n"
    )
    assert coalesce == {
        ("coalesce:e", "adaptive-rx"): "on",
        ("coalesce:e", "adaptive-tx"): "off",
        ("coalesce:e", "rx-usecs"): "50",
    }
    pause = _settings(reader, "Pause parameters for e:\nAutonegotiate:\ton\nRX:\t\toff\nTX:\t\toff\n\n")
    assert pause == {("pause:e", "autonegotiate"): "on", ("pause:e", "rx"): "off", ("pause:e", "tx"): "off"}


def test_a_link_with_many_modes() -> None:
    """Modes go over several lines; a driver's message level has its bits below."""
    text = (
        "Settings for eth0:\n\tSupported link modes:   10baseT/Half 10baseT/Full\n"
        "\t                        1000baseT/Full\n\tSpeed: 1000Mb/s\n"
        "\tCurrent message level: 0x00000007 (7)\n\t\t\t       drv probe link\n\tLink detected: no\n"
    )
    assert _settings(reader, text)["phy:eth0", "link-detected"] == "no"
    assert weirds(reader, text) == []


def test_refusals_and_other_text() -> None:
    """What the driver does not do is no weird."""
    assert weirds(
        reader, "netlink error: Operation not supported\nSettings for e:\n\tSpeed: 1Mb/s\n???\n"
    ) == [4]
    assert recognised(reader, "netlink error: Operation not supported\n", "ethtool -g eth0")
    assert not recognised(reader, "", "ethtool -s eth0 speed 100")
    assert not recognised(reader, "Settings for the table:\nSettings for eth0:\n")


def test_json() -> None:
    """Features are those of `ethtool -k`; plain values have the scope of their text."""
    text = _settings(ethtool_features, sample("ethtool_features/veth"))
    assert _settings(ethtool_json, sample("ethtool_json/features")) == text
    assert _settings(ethtool_json, sample("ethtool_json/ring_written"))["ring:eth0", "rx-max"] == "4096"
    odd = _settings(
        ethtool_json,
        '[{"ifname": "e", "adaptive-rx": true, "rx-usecs": 3}, {"ifname": "e", "x": [1], "y": false}]',
    )
    assert odd == {
        ("coalesce:e", "adaptive-rx"): "on",
        ("coalesce:e", "rx-usecs"): "3",
        ("ethtool:e", "y"): "off",
    }
    assert weirds(ethtool_json, "[1]") == [1]
    assert recognised(ethtool_json, "", "ethtool --json -k eth0")
    assert not recognised(ethtool_json, '[{"ifname": "va", "operstate": "UP"}]')
