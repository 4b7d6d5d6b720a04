"""What goes to which output, in which form: JSON that keeps its schema, text that fits, nothing where it disturbs."""

import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from installed import LAB, LASTSEEN, Run, lastseen, stack_case
from schema_check import faults_in

from lastseen.report.contracts import (
    CaseEvidenceJson,
    ConnectionsJson,
    DiagnosisJson,
    LossesJson,
    TimelineJson,
)

CASE, FACTS = stack_case("01_broken_php60_vm")
CAPTURES = sorted((CASE / "pcap").glob("*.pcap"))
COMMANDS: dict[str, tuple[Any, ...]] = {
    "diagnose": ("diagnose", CASE, FACTS),
    "losses": ("losses", *CAPTURES),
    "connections": ("connections", *CAPTURES[5:7]),
    "timeline": ("timeline", CASE, FACTS),
    "evidence": ("evidence", CASE, FACTS),
}
STRUCTS = {
    "diagnose": DiagnosisJson,
    "losses": LossesJson,
    "connections": ConnectionsJson,
    "timeline": TimelineJson,
    "evidence": CaseEvidenceJson,
}
ESCAPE = "\x1b"
STYLES = re.compile(r"\x1b\[[0-9;]*m")
"""NO_COLOR leaves bold and dim."""


@pytest.mark.parametrize("command", COMMANDS)
def test_json_keeps_to_its_published_schema(command: str) -> None:
    """One object, nothing else on standard output, nothing on standard error, and no field the schema has not."""
    run = lastseen(*COMMANDS[command], "--json")
    schema = lastseen("schema", "diagnosis" if command == "diagnose" else command).said
    assert (run.status, run.err) == (0, "")
    assert list(faults_in(run.said, schema, schema)) == []
    assert run.out.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_json_can_be_read_back_into_the_contract(command: str) -> None:
    run = lastseen(*COMMANDS[command], "--json")
    contract = msgspec.json.decode(run.out, type=STRUCTS[command], strict=True)
    assert msgspec.json.decode(msgspec.json.encode(contract)) == run.said


@pytest.mark.parametrize("case", ["fw_drop_fin", "app_keepalive_no_close"])
def test_json_of_other_verdicts_keeps_to_the_schema(case: str) -> None:
    schema = lastseen("schema", "diagnosis").said
    said = lastseen("diagnose", "--json", LAB / case).said
    assert list(faults_in(said, schema, schema)) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_gets_plain_text_and_standard_error_stays_silent(command: str) -> None:
    run = lastseen(*COMMANDS[command])
    assert (run.status, run.err) == (0, "")
    assert ESCAPE not in run.out
    assert run.out.endswith("\n")


def test_the_answer_stands_in_the_first_lines() -> None:
    first = " ".join(lastseen(*COMMANDS["diagnose"]).out.splitlines()[:5])
    assert first.startswith("CONFIRMED: 20 padded packets to the client vanish")
    assert "poll waited 60.06 s" in first


def _widest(run: Run) -> int:
    commands = re.compile(r"^ {4,}(\S+ )*(sysctl|tcpdump|echo|modinfo|ovs|conntrack|printf|#|curl|php)")
    return max(len(line) for line in run.out.splitlines() if not commands.match(line) and " " in line.strip())


def test_a_pipe_gets_eighty_columns() -> None:
    assert _widest(lastseen(*COMMANDS["diagnose"])) <= 80


@pytest.mark.parametrize("width", [40, 60, 132])
def test_a_terminal_gets_its_own_width(width: int) -> None:
    """Prose fits; commands, which are there to be copied, stay whole."""
    shown = _on_terminal(["diagnose", str(CASE)], {"COLUMNS": str(width), "NO_COLOR": "1", "TERM": "xterm"})
    prose = [
        line
        for line in STYLES.sub("", shown).splitlines()
        if not line.startswith("    ") and len(line.split()) > 2
    ]
    assert max(map(len, prose)) <= width


def _on_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """What a terminal is sent on standard output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(LASTSEEN), *arguments], stdout=theirs, stderr=subprocess.DEVNULL, env=os.environ | environment
    ) as process:
        os.close(theirs)
        pieces = []
        while piece := _read(ours):
            pieces.append(piece)
        os.close(ours)
    assert process.returncode == 0
    return b"".join(pieces).decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux ends a terminal whose other side has closed so
        return b""


def test_a_terminal_gets_colours_unless_told_not_to() -> None:
    assert ESCAPE in _on_terminal(["diagnose", str(CASE)], {"TERM": "xterm-256color", "NO_COLOR": ""})
    assert ESCAPE + "[3" not in _on_terminal(
        ["diagnose", str(CASE)], {"TERM": "xterm-256color", "NO_COLOR": "1"}
    )


def test_no_color_changes_nothing_in_a_pipe() -> None:
    assert (
        lastseen(*COMMANDS["losses"]).out == lastseen(*COMMANDS["losses"], environment={"NO_COLOR": "1"}).out
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_old_terminal_gets_what_it_can_show(encoding: str) -> None:
    run = lastseen(*COMMANDS["diagnose"], environment={"PYTHONIOENCODING": encoding})
    assert (run.status, run.err) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("diagnose", CASE),
        ("diagnose", CASE, "--json"),
        ("diagnose", "--help"),
        ("timeline", CASE),
        ("faults",),
    ],
)
def test_a_reader_who_has_had_enough_is_no_error(arguments: tuple[str | Path, ...]) -> None:
    """`lastseen ... | head -1`: status 0 and not a word on standard error."""
    ours, theirs = os.pipe()
    os.close(ours)
    with subprocess.Popen(
        [str(LASTSEEN), *map(str, arguments)], stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, b"")
