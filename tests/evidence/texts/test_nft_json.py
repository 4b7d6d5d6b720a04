"""The ruleset as JSON gives the rows of its text."""

import json

import pytest
from reading import recognised, rows, sample, weirds

from lastseen.evidence.nft_words import words
from lastseen.evidence.texts import nft_json, nft_ruleset
from lastseen.tables.facts_from_texts import Counter, Row, Rule
from lastseen.tables.sources import Weird


def _said(found: list[Row | Weird]) -> set[tuple[object, ...]]:
    rules = {
        (r.layer, r.place, r.match, r.actions, r.packets, r.bytes, r.drops)
        for r in found
        if isinstance(r, Rule)
    }
    return rules | {(r.family, r.scope, r.name, r.value) for r in found if isinstance(r, Counter)}


def test_json_and_text_of_one_ruleset_give_the_same_rows() -> None:
    """Rules, policies, counters, sets and maps, printed by the same nft."""
    text = _said(rows(nft_ruleset, sample("nft_ruleset/ruleset_1_0_6")))
    assert _said(rows(nft_json, sample("nft_json/ruleset_1_0_6"))) == text
    assert _said(rows(nft_ruleset, sample("nft_ruleset/with_handles"))) == text
    assert len(text) == 17


def test_pretty_printed_and_cut_off() -> None:
    """Each row has its line; what is whole before the cut stays."""
    pretty = json.dumps(json.loads(sample("nft_json/ruleset_1_0_6")), indent=1)
    assert recognised(nft_json, pretty)
    whole = _said(rows(nft_json, pretty))
    cut = rows(nft_json, pretty[: len(pretty) // 2])
    assert _said(cut) < whole
    assert isinstance(cut[-1], Weird)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ({"match": {"op": "!=", "left": {"meta": {"key": "mark"}}, "right": 1}}, "meta mark != 1"),
        ({"match": {"op": "==", "left": {"ct": {"key": "saddr", "family": "ip", "dir": "original"}}, "right": "a"}}, "ct original ip saddr a"),
        ({"match": {"op": "==", "left": {"concat": [{"payload": {"protocol": "ip", "field": "saddr"}}, {"meta": {"key": "iif"}}]}, "right": "@s"}}, "ip saddr . iif @s"),
        ({"set": [{"range": [1, 9]}, {"prefix": {"addr": "10.0.0.0", "len": 8}}]}, "{ 1-9, 10.0.0.0/8 }"),
        ({"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["invalid", {"drop": None}]]}}}, "ct state vmap { invalid : drop }"),
        ({"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}, "meta mark set 1"),
        ({"dnat": {"family": "ip", "addr": "10.0.0.1", "port": 80}}, "dnat ip to 10.0.0.1:80"),
        ({"redirect": {"port": 80}}, "redirect to :80"),
        ({"masquerade": {"flags": "random"}}, "masquerade random"),
        ({"snat": None}, "snat"),
        ({"reject": {"type": "tcp reset"}}, "reject with tcp reset"),
        ({"reject": {"type": "icmp", "expr": "admin-prohibited"}}, "reject with icmp admin-prohibited"),
        ({"reject": None}, "reject"),
        ({"limit": {"rate": 10, "burst": 9, "per": "minute", "inv": True}}, "limit rate over 10/minute burst 9 packets"),
        ({"log": {"group": 2, "snaplen": 60}}, "log group 2 snaplen 60"),
        ({"log": None}, "log"),
        ({"goto": {"target": "c"}}, "goto c"),
        ({"queue": {"num": 1}}, '{"queue":{"num":1}}'),
        ({"match": 1}, '{"match":1}'),
        ({"a": 1, "b": 2}, '{"a":1,"b":2}'),
    ],
)  # fmt: skip
def test_expressions_in_nfts_language(expression: dict[str, object], text: str) -> None:
    """What is not known keeps its JSON."""
    assert words(expression) == text


def test_deep_nesting_raises_nothing() -> None:
    """As deep as the JSON decoder goes."""
    for depth in (30, 300, 480, 900, 960, 990):
        for opened, closed in (
            ("[", "]"),
            ('{"set": ', "}"),
            ('{"match": {"op": "==", "left": 1, "right": ', "}}"),
        ):
            document = '{"nftables": [{"rule": {"expr": [' + opened * depth + "1" + closed * depth + "]}}]}"
            assert len(rows(nft_json, document)) == 1


def test_broken_objects() -> None:
    """A rule without expressions is weird; an element of another shape has no counter."""
    assert weirds(nft_json, '{"nftables": [{"rule": {"family": "ip"}}, 7]}') == [1, 1]
    (row,) = rows(
        nft_json,
        '{"nftables": [{"set": {"family": "ip", "table": "t", "name": "s", "elem": [["a", "b", "c"]]}}]}',
    )
    assert isinstance(row, Rule)
    assert row.packets is None


def test_recognition() -> None:
    """By command when empty."""
    assert recognised(nft_json, "", "ip netns exec vm nft -j list ruleset")
    assert recognised(nft_json, "", "nft -aj list ruleset")
    assert not recognised(nft_json, "", "nft list ruleset")
    assert not recognised(nft_json, '{"a": 1}')
