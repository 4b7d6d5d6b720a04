"""Hold lastseen against its bars: speed against tshark, tcptrace and plain memory; peak memory; long texts; start-up.

    .venv/bin/python bench/run.py [--quick] [--json FILE] [--folder FOLDER]

The captures are made here (`make_captures`) and removed at the end; they take up to 9 GB. Every ratio is of times
taken in this run, in turns. Rates of other programs are marginal (a large input less a small one), so that their
start-up is not held against them, while lastseen's own is counted. What needs much memory runs twice in a row, and the
second run counts (`measures.warm_seconds_of`); what the first one took is told beside it. Needs Linux (/proc).
"""

import argparse
import compileall
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from make_captures import Truth, make_captures
from make_texts import write_texts
from measures import Took, interleaved, run_program, seconds_of, warm_seconds_of

__all__ = ["Bar", "Sizes", "bars"]

HERE: Final = Path(__file__).parent
LIBRARY: Final = HERE.parent / "src/lastseen"
LASTSEEN: Final = Path(sys.executable).with_name("lastseen")
EXAMPLE: Final = HERE.parent / "examples/openstack-missing-fin/01_broken_php60_vm"
RESULTS: Final = HERE / "results/latest.json"
FIELDS: Final = ("frame.number", "ip.src", "ip.dst", "tcp.seq", "tcp.analysis.retransmission", "tcp.len")
"""What a comparison by hand begins with; asking for the retransmissions makes tshark follow the connections."""
REPEATS: Final = 5
FEW_BYTES: Final = 20_000
"""About a hundred packets."""
MB: Final = 1_000_000
BOUND_BYTES: Final = 2 << 30
"""What --memory allows."""
TEXTS_S: Final = 60
TEXTS_BYTES: Final = 1 << 30
"""What 500 MB of texts may take."""
OWN_MB: Final = 350
"""Own memory that may be used beyond the captures' size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Packets of the captures: of the pair, of tshark's small and large sample, of the summary's large capture.

    `bounded`: of both captures together that are summed up within BOUND_BYTES. `texts_mb`: MB of text evidence.
    """

    pair: int = 2_000_000
    sample: tuple[int, int] = (10_000, 110_000)
    summary: int = 8_000_000
    bounded: int = 50_000_000
    texts_mb: int = 500


QUICK: Final = Sizes(pair=200_000, sample=(5_000, 25_000), summary=800_000, bounded=2_000_000, texts_mb=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One thing measured. `value` None: not measured, `note` says why; `bar` None: for information."""

    what: str
    value: float | None
    unit: str
    bar: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """'met', 'NOT met', 'not measured', or '' when there is no bar."""
        if self.value is None:
            return "not measured"
        if self.bar is None:
            return ""
        met = self.value >= self.bar if self.at_least else self.value <= self.bar
        return "met" if met else "NOT met"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The underlay and the tap behind it."""

    truth: Truth

    @property
    def files(self) -> tuple[Path, Path]:
        """Both captures."""
        return Path(self.truth.underlay), Path(self.truth.tap)

    @property
    def packets(self) -> int:
        """Of both together."""
        return self.truth.underlay_packets + self.truth.tap_packets

    @property
    def size_bytes(self) -> int:
        """Of both together."""
        return sum(file.stat().st_size for file in self.files)


def _pair(folder: Path, packets: int) -> Pair:
    """A pair in a folder of its own; the same packets as every larger one begins with."""
    place = folder / f"pair-{packets}"
    place.mkdir()
    return Pair(truth=make_captures(place, packets))


def _tap(folder: Path, packets: int) -> Path:
    """The tap's capture alone."""
    underlay, tap = _pair(folder, packets).files
    underlay.unlink()
    return tap


def _losses(pair: Pair) -> list[str | Path]:
    return [LASTSEEN, "losses", *pair.files, "--json"]


def bars(sizes: Sizes, folder: Path) -> Iterator[Bar]:
    """Measure everything, one bar after another."""
    yield from _summary_bars(sizes, folder)
    pair = _pair(folder, sizes.pair)
    checked = _found(pair)
    yield Bar(
        what="losses counted, against those made",
        value=checked,
        unit="ratio",
        bar=1.0,
        at_least=True,
    )
    yield from _comparison_bars(sizes, pair)
    yield from _stage_bars(pair, folder)
    yield from _growth_bars(sizes, pair, folder)
    yield from _bounded_bars(sizes, folder)
    yield from _text_bars(sizes, folder)
    yield from _start_bars(folder)


# ---- comparing two points ----


def _found(pair: Pair) -> float:
    """How near the lost packets counted come to those left out, 1 when equal; this run also warms it."""
    output = subprocess.run(
        [LASTSEEN, "losses", *pair.files, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    ).stdout
    lost = sum(row["packets"] + row["unproven"] for row in json.loads(output)["losses"])
    return float(min(lost, pair.truth.lost) / max(lost, pair.truth.lost))


def _tshark(file: Path, packets: int) -> float:
    fields = [part for name in FIELDS for part in ("-e", name)]
    return seconds_of(["tshark", "-n", "-r", file, "-c", str(packets), "-T", "fields", *fields])


def _pass_over(files: tuple[Path, ...]) -> float:
    """Seconds of one warm pass over the files' bytes, in a process of its own."""
    code = (
        "import sys, time, numpy as np\n"
        "def touch(): [np.memmap(f, 'uint8', mode='r').sum(dtype='u8') for f in sys.argv[1:]]\n"
        "touch(); begun = time.perf_counter(); touch(); print(time.perf_counter() - begun)"
    )
    argv = [sys.executable, "-c", code, *files]
    return float(subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout)


def _comparison_bars(sizes: Sizes, pair: Pair) -> Iterator[Bar]:
    """Against tshark, against memory, and how much memory of its own it takes."""
    runs = {
        "first": partial(seconds_of, _losses(pair)),
        "lastseen": partial(seconds_of, _losses(pair)),
        "memory": partial(_pass_over, pair.files),
    }
    has_tshark = shutil.which("tshark") is not None
    if has_tshark:
        for name, file in zip(("underlay", "tap"), pair.files, strict=True):
            runs |= {f"{name} {count}": partial(_tshark, file, count) for count in sizes.sample}
    seconds = interleaved(runs, REPEATS)
    rate = pair.packets / seconds["lastseen"]
    yield Bar(what="compare two points, whole command", value=seconds["lastseen"], unit="s")
    yield Bar(what="the same, right after other programs", value=seconds["first"], unit="s")
    yield Bar(what="compare two points, packets", value=rate / 1e6, unit="million/s")
    yield (
        _against_tshark(sizes, rate, seconds)
        if has_tshark
        else _absent("compare two points, against tshark", "tshark", 100)
    )
    ratio = seconds["lastseen"] / seconds["memory"]
    yield Bar(what="compare two points, against one pass over the bytes", value=ratio, unit="x", bar=10)
    yield _own_memory("compare two points, own memory", run_program(_losses(pair)), pair.size_bytes)


def _against_tshark(sizes: Sizes, rate: float, seconds: dict[str, float]) -> Bar:
    small, large = sizes.sample
    more = sum(seconds[f"{name} {large}"] - seconds[f"{name} {small}"] for name in ("underlay", "tap"))
    theirs = 2 * (large - small) / more
    note = f"tshark reads {theirs:,.0f} packets/s"
    return Bar(
        what="compare two points, against tshark",
        value=rate / theirs,
        unit="x",
        bar=100,
        at_least=True,
        note=note,
    )


def _own_memory(what: str, took: Took, size_bytes: int) -> Bar:
    """Peak anonymous memory against 350 MB and once the captures' size."""
    return Bar(what=what, value=took.anonymous_bytes / MB, unit="MB", bar=OWN_MB + size_bytes / MB)


def _absent(what: str, program: str, bar: float) -> Bar:
    return Bar(what=what, value=None, unit="x", bar=bar, at_least=True, note=f"{program} is not installed")


# ---- summing up connections ----


def _summary_bars(sizes: Sizes, folder: Path) -> Iterator[Bar]:
    """Against tcptrace, which reads the tap's capture: it knows no Geneve."""
    files = {name: _tap(folder, count) for name, count in (("large", sizes.summary), ("small", sizes.pair))}
    commands: dict[str, list[str | Path]] = {
        name: [LASTSEEN, "connections", file, "--json"] for name, file in files.items()
    }
    runs = {f"lastseen {name}": partial(warm_seconds_of, command) for name, command in commands.items()}
    if shutil.which("tcptrace"):
        for name, file in files.items():
            runs[f"tcptrace {name}"] = partial(seconds_of, ["tcptrace", "-n", file])
    size = run_program(commands["large"]).anonymous_bytes  # this run warms, too
    seconds = interleaved(runs, REPEATS)
    more = seconds["lastseen large"] - seconds["lastseen small"]
    what = "connections, against tcptrace (marginal)"
    if "tcptrace large" in seconds:
        theirs = seconds["tcptrace large"] - seconds["tcptrace small"]
        note = f"{sizes.summary - sizes.pair:,} packets more: {more:.2f} s, tcptrace {theirs:.2f} s"
        yield Bar(what=what, value=theirs / more, unit="x", bar=2, at_least=True, note=note)
    else:
        yield _absent(what, "tcptrace", 2)
    whole = f"connections of {sizes.pair:,} packets, whole command"
    yield Bar(what=whole, value=seconds["lastseen small"], unit="s", bar=2)
    limit = OWN_MB + files["large"].stat().st_size / MB
    what = f"connections of {sizes.summary:,} packets, own memory"
    yield Bar(what=what, value=size / MB, unit="MB", bar=limit)
    for file in files.values():
        shutil.rmtree(file.parent)


# ---- decoding alone, growth, start ----


def _stages(pair: Pair, cores: int) -> dict[str, float]:
    """Seconds of each stage in one warmed process on so many cores."""
    argv = [sys.executable, HERE / "stages.py", *pair.files, "--cores", str(cores)]
    output = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout
    return {name: float(seconds) for name, seconds in json.loads(output).items()}


def _stage_bars(pair: Pair, folder: Path) -> Iterator[Bar]:
    """Where the time goes, what is the next limit, and what a second core is good for."""
    one, two = _stages(pair, 1), _stages(pair, 2)
    spent = {"start-up": _start_up(pair, folder)} | {
        name: two[key]
        for name, key in (
            ("decoding", "decode_a_thread_a_file"),
            ("connections", "connections"),
            ("matching", "matching"),
        )
    }
    for name, seconds in spent.items():
        yield Bar(what=f"where the time goes: {name}", value=seconds, unit="s")
    largest = max(spent, key=lambda name: spent[name])
    share = spent[largest] / sum(spent.values())
    yield Bar(
        what="the next limit", value=share, unit="ratio", note=f"{largest} takes that share of the time"
    )
    if len(os.sched_getaffinity(0)) < 2:
        yield Bar(what="decoding on two cores", value=None, unit="x", bar=1.6, note="there is one core only")
        return
    name = "decode_a_thread_a_file"
    gain = one[name] / two[name]
    yield Bar(what="decoding two files, two cores against one", value=gain, unit="x", bar=1.6, at_least=True)
    gain = one["decode_first"] / two["decode_first"]
    yield Bar(what="decoding one file, two cores against one", value=gain, unit="x", bar=1.4, at_least=True)


def _start_up(pair: Pair, folder: Path) -> float:
    """Seconds of the comparison of the first few packets."""
    files = [folder / f"few-{file.name}" for file in pair.files]
    for few, file in zip(files, pair.files, strict=True):
        with file.open("rb") as stream:
            few.write_bytes(stream.read(FEW_BYTES))
    argv = [LASTSEEN, "losses", *files, "--json"]
    return statistics.median(seconds_of(argv) for _ in range(REPEATS))


def _growth_bars(sizes: Sizes, pair: Pair, folder: Path) -> Iterator[Bar]:
    """Twice the packets, the same command."""
    double = _pair(folder, 2 * sizes.pair)
    runs = {
        name: partial(warm_seconds_of, _losses(files)) for name, files in (("once", pair), ("twice", double))
    }
    seconds = interleaved(runs, REPEATS)
    what = f"compare two points, {2 * sizes.pair:,} packets against {sizes.pair:,} each"
    yield Bar(what=what, value=seconds["twice"] / seconds["once"], unit="x", bar=2.1)
    yield _own_memory("the same, own memory", run_program(_losses(double)), double.size_bytes)
    shutil.rmtree(double.files[0].parent)


def _bounded_bars(sizes: Sizes, folder: Path) -> Iterator[Bar]:
    """Connections and losses of captures larger than the memory allowed."""
    pair = _pair(folder, sizes.bounded // 2)
    bound = f"{BOUND_BYTES >> 30}GiB"
    for command in ("connections", "losses"):
        took = run_program([LASTSEEN, command, *pair.files, "--json", "--memory", bound])
        what = f"{command} of {pair.packets:,} packets, --memory {bound}: own memory"
        note = f"captures of {pair.size_bytes / MB:,.0f} MB in {took.seconds:.0f} s"
        yield Bar(what=what, value=took.anonymous_bytes / MB, unit="MB", bar=BOUND_BYTES / MB, note=note)
    shutil.rmtree(pair.files[0].parent)


def _text_bars(sizes: Sizes, folder: Path) -> Iterator[Bar]:
    """Long texts: a mixture of all kinds, and a log of the kernel alone, the worst of them a line."""
    for kind, only in (("mixed texts", ""), ("kernel log", "kernel.log")):
        place = folder / "texts"
        place.mkdir()
        size = write_texts(place, sizes.texts_mb, only)
        for command in ("diagnose", "evidence"):
            took = run_program([LASTSEEN, command, place, "--json"])
            what = f"{command}, {size / MB:,.0f} MB of {kind}"
            note = f"{took.cpu_seconds:.0f} s of CPU"
            yield Bar(what=what, value=took.seconds, unit="s", bar=TEXTS_S, note=note)
            yield Bar(
                what="the same, resident memory",
                value=took.resident_bytes / MB,
                unit="MB",
                bar=TEXTS_BYTES / MB,
            )
        shutil.rmtree(place)


def _start_bars(folder: Path) -> Iterator[Bar]:
    """What a user waits for before anything is read, for a whole small case, and for the very first run."""
    helps = interleaved({"help": lambda: seconds_of([LASTSEEN, "--help"])}, 2 * REPEATS)["help"]
    yield Bar(what="lastseen --help", value=helps, unit="s", bar=0.15)
    diagnose = [LASTSEEN, "diagnose", EXAMPLE, "--json"]
    run_program(diagnose)
    took = [run_program(diagnose) for _ in range(REPEATS)]
    middle = statistics.median(run.seconds for run in took)
    yield Bar(what="diagnose the example case", value=middle, unit="s", bar=1.5)
    most = max(run.resident_bytes for run in took) / MB
    yield Bar(what="diagnose the example case, resident memory", value=most, unit="MB", bar=400)
    empty = folder / "kernels"
    empty.mkdir()
    first = run_program(diagnose, environment={"NUMBA_CACHE_DIR": str(empty)}).seconds
    yield Bar(what="diagnose, first run, nothing compiled", value=first, unit="s", bar=30)


# ---- what is said of it ----


def machine() -> dict[str, str | int]:
    """What the figures depend on; no names of hosts or folders."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_model(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("lastseen", "numpy", "numba")},
        **{program: _program_version(program) for program in ("tshark", "tcptrace") if shutil.which(program)},
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _program_version(program: str) -> str:
    """The first version number that the program says of itself."""
    option = {"tcptrace": "-v"}.get(program, "--version")
    said = subprocess.run([program, option], capture_output=True, text=True, check=False)
    number = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
    return number[0] if number else "unknown"


def _line(bar: Bar) -> str:
    value = (
        ""
        if bar.value is None
        else f"{bar.value:,.3g} {bar.unit}"
        if bar.value < 100
        else f"{bar.value:,.0f} {bar.unit}"
    )
    limit = "" if bar.bar is None else f"{'>=' if bar.at_least else '<='} {bar.bar:,.4g}"
    verdict = f"{bar.verdict}: {bar.note}" if bar.note and bar.verdict else bar.verdict or bar.note
    return f"{bar.what:<62} {value:>16}  {limit:>9}  {verdict}".rstrip()


def main() -> int:
    """Measure, print the table as it grows, write the JSON; 1 when a bar is not met by a full run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the packets; bars are for the whole")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--folder", type=Path, help="where the captures are made (9 GB)")
    arguments = parser.parse_args()
    compileall.compile_dir(
        LIBRARY, quiet=1
    )  # as `make setup` leaves it, also where Python may not write bytecode
    sizes, found, before = QUICK if arguments.quick else Sizes(), list[Bar](), round(os.getloadavg()[0], 1)
    if arguments.quick:
        print("quick: most of each time is start-up, so ratios say nothing of the bars\n")
    print(f"{'what':<62} {'measured':>16}  {'bar':>9}", flush=True)
    with tempfile.TemporaryDirectory(prefix="lastseen-bench-", dir=arguments.folder) as folder:
        for bar in bars(sizes, Path(folder)):
            print(_line(bar), flush=True)
            found.append(bar)
    rows = [asdict(bar) | {"verdict": bar.verdict} for bar in found]
    load = {"load_before": before, "load_after": round(os.getloadavg()[0], 1)}
    result = {
        "schema": "lastseen.bench/1",
        "machine": machine() | load,
        "packets": asdict(sizes),
        "bars": rows,
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return int(not arguments.quick and any(bar.verdict == "NOT met" for bar in found))


if __name__ == "__main__":
    sys.exit(main())
