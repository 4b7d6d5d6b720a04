"""What a case says of its hosts is believed as far as it can do no harm: a case may come from anyone."""

import json
from pathlib import Path

import pytest

from lastseen.errors import LastseenError
from lastseen.live.record import read_record


def written(folder: Path, ssh: list[str]) -> Path:
    node = {"node": "netnode", "ssh": ssh, "host": "netnode", "netns": ""}
    (folder / "run.json").write_text(json.dumps({"schema": "lastseen.run/1", "nodes": [node]}), "utf-8")
    return folder


@pytest.mark.parametrize(
    "options", [[], ["-p2222"], ["-i/root/key", "-oStrictHostKeyChecking=no"], ["-Jjump.example", "-4"]]
)
def test_options_that_only_say_how_to_get_there_are_kept(tmp_path: Path, options: list[str]) -> None:
    record = read_record(written(tmp_path, [*options, "--", "root@netnode"]))
    assert record is not None
    assert record.nodes[0].ssh == (*options, "--", "root@netnode")


@pytest.mark.parametrize(
    "ssh",
    [
        ["-oProxyCommand=touch /tmp/x", "--", "root@netnode"],
        ["-o", "ProxyCommand=touch /tmp/x", "--", "root@netnode"],
        ["-oproxycommand touch /tmp/x", "--", "root@netnode"],
        ["-oPermitLocalCommand=yes", "-oLocalCommand=id", "--", "root@netnode"],
        ["-oKnownHostsCommand=/tmp/x", "--", "root@netnode"],
        ["-oPKCS11Provider=/tmp/x.so", "--", "root@netnode"],
        ["-I/tmp/x.so", "--", "root@netnode"],
        ["-F/tmp/config", "--", "root@netnode"],
        ["root@netnode", "touch /tmp/x"],
        ["--", "-oProxyCommand=id"],
        ["--", "root@netnode", "id"],
    ],
)
def test_a_record_that_would_run_a_program_here_is_refused(tmp_path: Path, ssh: list[str]) -> None:
    with pytest.raises(LastseenError):
        read_record(written(tmp_path, ssh))
