"""A document on one line is read whole, however long; another text's line is cut."""

import json
from pathlib import Path

from lastseen.evidence.case import open_case
from lastseen.evidence.texts.text import MAX_LINE_CHARS
from lastseen.tables.facts_from_texts import Interface, LogLine


def test_json_on_one_line_longer_than_any_other_line_may_be(tmp_path: Path) -> None:
    """`ip -j addr` of a host with three thousand interfaces."""
    links = [{"ifindex": n, "ifname": f"tap{n}", "operstate": "UP", "addr_info": []} for n in range(3000)]
    (tmp_path / "ip.txt").write_text("$ ip -j addr\n" + json.dumps(links) + "\n")
    assert len(json.dumps(links)) > MAX_LINE_CHARS
    with open_case([tmp_path]) as case:
        assert [row.name for row in case.rows if isinstance(row, Interface)][-1] == "tap2999"
        assert case.weirds == []


def test_files_that_prove_nothing_are_named(tmp_path: Path) -> None:
    """They keep their row in the list of files; what is unknown stays without a kind."""
    (tmp_path / "dmesg.txt").write_text("[    1.000000] x\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "what.txt").write_text("a line that means nothing to anybody\n")
    with open_case([tmp_path]) as case:
        kinds = {file.file.rpartition("/")[2]: file.kind for file in case.files}
        assert kinds == {
            "dmesg.txt": "kernel log",
            "empty.txt": "irrelevant: an empty file",
            "what.txt": None,
        }
        assert len([row for row in case.rows if isinstance(row, LogLine)]) == 1
