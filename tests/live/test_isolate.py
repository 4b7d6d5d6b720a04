"""The case study's combination is found among others, also where one run in ten fails by chance."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import networks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from installed import LASTSEEN, lastseen

from lastseen.errors import LastseenError
from lastseen.lab.lab import Lab, Link
from lastseen.live.isolate import Combination, Outcome, conclude, experiment, filled, parsed_factors

FACTORS = parsed_factors(["client=php,curl", "origin=vm,host", "target=thirdparty,other"])
CAUSE = (("client", "php"), ("origin", "vm"), ("target", "thirdparty"))


def world(cause: dict[str, str], names: list[str], *, noise: float, seed: int) -> object:
    """A world in which exactly one conjunction stalls, and runs fail by chance."""
    draw = random.Random(seed)

    def run(combination: Combination) -> Outcome:
        levels = dict(zip(names, combination, strict=True))
        if draw.random() < noise:
            return "failed"
        return "slow" if all(levels[name] == level for name, level in cause.items()) else "fast"

    return run


def answered(
    factors: dict[str, tuple[str, ...]], cause: dict[str, str], *, noise: float, seed: int
) -> object:
    cells, _ = experiment(factors, world(cause, list(factors), noise=noise, seed=seed), repeats=5)  # type: ignore[arg-type]
    return conclude(factors, cells).levels


def test_the_case_study_s_combination() -> None:
    cells, reduced = experiment(FACTORS, world(dict(CAUSE), list(FACTORS), noise=0, seed=0), repeats=5)  # type: ignore[arg-type]
    answer = conclude(FACTORS, cells)
    assert (answer.levels, answer.kind, reduced) == (CAUSE, "slow", False)
    assert answer.text == (
        "only client php and origin vm and target thirdparty is slow (5/5); all others are fine (0/35)"
    )


def test_one_failure_in_ten_by_chance_changes_nothing() -> None:
    found = [answered(FACTORS, dict(CAUSE), noise=0.1, seed=seed) for seed in range(200)]
    assert found.count(CAUSE) >= 198


@settings(max_examples=60)
@given(picked=st.sets(st.sampled_from(CAUSE), min_size=1), seed=st.integers(0, 10**6))
def test_every_smaller_cause_is_found_as_it_is(picked: set[tuple[str, str]], seed: int) -> None:
    cause = tuple(level for level in CAUSE if level in picked)
    assert answered(FACTORS, dict(cause), noise=0, seed=seed) == cause


def test_two_levels_and_five_runs_each_are_enough() -> None:
    """The least there can be to compare, as often as it is run unasked."""
    factors = parsed_factors(["client=php,curl"])
    assert answered(factors, {"client": "php"}, noise=0, seed=0) == (("client", "php"),)


def test_pure_chance_is_blamed_on_nothing() -> None:
    found = [answered(FACTORS, {"client": "nobody"}, noise=0.1, seed=seed) for seed in range(200)]
    assert found.count(()) >= 195


def test_many_combinations_are_not_all_run() -> None:
    names = [f"f{n}={','.join(f'l{n}{k}' for k in range(3))}" for n in range(6)]
    factors = parsed_factors(names)
    cause = {"f1": "l12", "f4": "l40"}
    cells, reduced = experiment(factors, world(cause, list(factors), noise=0, seed=1), repeats=5)  # type: ignore[arg-type]
    assert reduced
    assert len(cells) < 60 < 3**6
    for (a, x), (b, y) in itertools.combinations([(n, lev) for n, ls in factors.items() for lev in ls], 2):
        held = [dict(zip(factors, cell.combination, strict=True)) for cell in cells]
        assert a == b or any(h[a] == x and h[b] == y for h in held)
    assert dict(conclude(factors, cells).levels) == cause


def test_a_level_never_becomes_two_words() -> None:
    words = filled(["fetch", "{client}", "--from={origin}"], FACTORS, ("a b; rm", "$(x)", "t"))
    assert words == ["fetch", "a b; rm", "--from=$(x)"]
    with pytest.raises(LastseenError, match="no such factor"):
        filled(["{nobody}"], FACTORS, ("php", "vm", "other"))


@pytest.mark.parametrize("words", [["client"], ["client=php"], ["client=php,"], ["a=1,2", "a=3,4"], []])
def test_what_is_no_factor_is_told(words: list[str]) -> None:
    with pytest.raises(LastseenError):
        parsed_factors(words)


def test_the_command_tells_slow_from_failed(tmp_path: Path) -> None:
    code = "import sys, time; a, b = sys.argv[1:]; time.sleep(0.8 * (a + b == 'xy')); sys.exit(a + b == 'uv')"
    state = {"LASTSEEN_STATE": str(tmp_path)}
    words = ("isolate", "--factor", "a=x,u", "--factor", "b=y,v", "--slow", "0.6", "--repeats", "6", "--json")
    run = lastseen(*words, "--", sys.executable, "-c", code, "{a}", "{b}", environment=state)
    assert run.status == 0, run.err
    outcomes = {tuple(cell["levels"].values()): set(cell["outcomes"]) for cell in run.said["cells"]}
    assert outcomes[("x", "y")] == {"slow"}
    assert outcomes[("u", "v")] == {"failed"}
    assert run.said["verdict"]["levels"] in ([["a", "x"], ["b", "y"]], [["a", "u"], ["b", "v"]])


def test_ctrl_c_ends_it_and_what_was_run_is_judged(tmp_path: Path) -> None:
    """With forty runs of a minute each nobody wants to begin again."""
    words = ("isolate", "--factor", "a=0.01,1", "--slow", "0.6", "--repeats", "1000", "--json")
    run = subprocess.Popen(
        [LASTSEEN, *words, "--", "sh", "-c", f"echo {{a}} >>{tmp_path}/runs; sleep {{a}}"],
        env=os.environ | {"LASTSEEN_STATE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    runs = tmp_path / "runs"
    networks.until(lambda: runs.exists() and runs.read_text().count("\n") > ENOUGH, longest_s=60)
    run.send_signal(signal.SIGINT)
    out, messages = run.communicate(timeout=20)
    said = json.loads(out)
    assert (run.returncode, said["stopped"]) == (0, True), messages
    assert said["verdict"]["levels"] == [["a", "1"]]
    assert ENOUGH - 1 <= sum(len(cell["outcomes"]) for cell in said["cells"]) <= ENOUGH + 1


ENOUGH = 11
"""Runs, half of them slow: Fisher's exact test is sure."""


def test_factors_may_stand_in_a_file(tmp_path: Path) -> None:
    file, state = tmp_path / "factors", {"LASTSEEN_STATE": str(tmp_path)}
    file.write_text("# what differs\n\nclient=true,false   # the second one fails\n", "utf-8")
    run = lastseen("isolate", "--factors", file, "--", "{client}", environment=state)
    assert run.status == 0, run.err
    assert run.out.startswith("only client false fails (5/5); all others are fine (0/5)")
    run = lastseen("isolate", "--factors", tmp_path / "nosuch", "--", "{client}", environment=state)
    assert (run.status, run.err.count("\n")) == (2, 1)
    assert "No such file or directory); expected NAME=LEVEL,LEVEL lines" in run.err


def test_a_level_that_is_no_program_is_told(tmp_path: Path) -> None:
    words = ("isolate", "--factor", "client=true,no-such-program", "--", "{client}")
    run = lastseen(*words, environment={"LASTSEEN_STATE": str(tmp_path)})
    assert (run.status, run.out) == (2, "")
    assert (
        run.err
        == "lastseen: no-such-program: no such program here; give what reproduces the trouble after --\n"
    )


OTHER = "192.0.2.129"
"""A second server, on a way without the fault."""
FETCH = """#!/bin/sh
# fetch CLIENT ORIGIN TARGET: the page, but for one run in ten, which fails
run=$(($(cat {folder}/runs) + 1)); echo $run >{folder}/runs
[ "$(sed -n "$run"p {folder}/chance)" = fails ] && exit 1
case $3 in thirdparty) url=http://{remote}/page ;; *) url=http://{other}/page ;; esac
case $1 in
  php) exec ip netns exec $2 php -n -d default_socket_timeout={timeout} -r 'exit(file_get_contents($argv[1]) ? 0 : 2);' $url ;;
  *) exec ip netns exec $2 curl -sf -o /dev/null $url ;;
esac
"""


def beside(lab: Lab) -> None:
    """A host and a server that reach each other, and the network's ends, by ways of their own."""
    lab.link(
        Link("host", "h0", "remote", "h1"),
        Link("host", "o0", "other", "o1"),
        Link("compute", "o2", "other", "o3"),
    )
    lab.node("host").ip(
        f"addr add 192.0.2.2/26 dev h0\naddr add 192.0.2.66/26 dev o0\nroute add {networks.REMOTE} via 192.0.2.1\n"
        f"route add {OTHER} via 192.0.2.65"
    )
    lab.node("remote").ip("addr add 192.0.2.1/26 dev h1")
    lab.node("other").ip(
        f"addr add 192.0.2.65/26 dev o1\naddr add {OTHER}/26 dev o3\nroute add {networks.VM} via 192.0.2.130"
    )
    lab.node("compute").ip("addr add 192.0.2.130/26 dev o2")
    lab.serve("other", "server", OTHER, 80)


@pytest.mark.lab
@pytest.mark.oracle("php", "curl", "tcpdump", "nft")
def test_the_case_study_s_combination_on_its_network_with_one_failure_in_ten(tmp_path: Path) -> None:
    """Real clients, origins and servers, and the fault where it was: nobody tells the command which is which."""
    chance = random.Random(3)
    (tmp_path / "chance").write_text(
        "".join("fails\n" if chance.random() < 0.1 else "\n" for _ in range(400))
    )
    (tmp_path / "runs").write_text("0\n")
    fetch = tmp_path / "fetch"
    fetch.write_text(FETCH.format(folder=tmp_path, remote=networks.REMOTE, other=OTHER, timeout=2))
    fetch.chmod(0o755)
    factors = [
        w for f in ("client=php,curl", "origin=vm,host", "target=thirdparty,other") for w in ("--factor", f)
    ]
    with networks.routed(more=beside) as net:
        run = net.popen(
            "compute",
            *("lastseen", "isolate", *factors, "--slow", "1.8", "--json"),
            *("--", str(fetch), "{client}", "{origin}", "{target}"),
            more={"LASTSEEN_STATE": str(tmp_path / "state")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, messages = run.communicate(timeout=280)
    said = json.loads(out)
    assert [tuple(level) for level in said["verdict"]["levels"]] == list(CAUSE), messages
    assert said["verdict"]["kind"] == "slow"
    assert sum(cell["outcomes"].count("failed") for cell in said["cells"]) > 1, "nothing failed by chance"


@pytest.mark.lab
@pytest.mark.oracle("php", "curl", "tcpdump", "strace", "nft")
def test_each_run_is_captured_and_a_bad_one_says_why(tmp_path: Path) -> None:
    url, cases = f"http://{networks.REMOTE}/page", tmp_path / "cases"
    fetch = tmp_path / "fetch"
    fetch.write_text(FETCH.format(folder=tmp_path, remote=networks.REMOTE, other=OTHER, timeout=1))
    fetch.chmod(0o755)
    (tmp_path / "chance").write_text("")
    (tmp_path / "runs").write_text("0\n")
    options = ("--slow", "0.9", "--target", "t0", "--remote", url, "--json")
    command = ("--", str(fetch), "{client}", "vm", "thirdparty")
    with networks.routed() as net:

        def isolate(*words: str) -> tuple[int, str, str]:
            run = net.popen(
                "compute",
                *("lastseen", "isolate", "--factor", "client=php,curl", *options, *words, *command),
                more={"LASTSEEN_STATE": str(tmp_path / "state")},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            out, messages = run.communicate(timeout=280)
            return run.returncode, out, messages

        status, _, messages = isolate("--capture", str(cases))
        assert (status, cases.exists()) == (2, False), "nothing is done without consent"
        assert "In each run, as in the first" in messages
        status, out, messages = isolate("--capture", str(cases), "--yes")
    said = json.loads(out)
    assert said["verdict"]["levels"] == [["client", "php"]], messages
    assert len(list(cases.iterdir())) == sum(len(cell["outcomes"]) for cell in said["cells"])
    assert said["why"].startswith("confirmed, ")
    assert "padded packets" in said["why"]
    assert Path(said["case"]).name.endswith("-php")
