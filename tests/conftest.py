"""What every test relies on: when a test may be skipped, how Hypothesis behaves, how golden files are rewritten.

A test that needs root or an outside program says so with a marker (`lab`, `oracle`), so that the decision to skip
is made here, once. Where LASTSEEN_REQUIRE_LAB=1 is set (CI) a skip is a failure, whoever asked for it.
"""

import os
import shutil
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import settings

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

NOTHING_SKIPPED = os.environ.get("LASTSEEN_REQUIRE_LAB") == "1"

# No deadline: the first example may compile a kernel. CI must not fail by chance: there the examples are fixed.
settings.register_profile("lastseen", deadline=None, derandomize=NOTHING_SKIPPED)
settings.load_profile("lastseen")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --update-golden, and what of the lab is run again."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite golden files with what is produced now"
    )
    parser.addoption(
        "--again",
        type=float,
        default=1 / 3,
        metavar="SHARE",
        help="of the lab's scenes to record twice (0 to 1)",
    )
    parser.addoption(
        "--again-seed", type=int, default=None, metavar="N", help="draw the scenes that earlier run drew"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run on this machine."""
    if item.get_closest_marker("lab") and os.geteuid() != 0:
        pytest.skip("needs root to build network namespaces")
    for marker in item.iter_markers("oracle"):
        for program in marker.args or ("tshark",):
            if shutil.which(program) is None:
                pytest.skip(f"needs {program} to compare with")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test be skipped where nothing may be."""
    return _no_skip((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let no module be skipped where nothing may be."""
    return _no_skip((yield))


def _no_skip(report: Report) -> Report:
    expected_failure = hasattr(report, "wasxfail")
    if NOTHING_SKIPPED and report.skipped and not expected_failure:
        why = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"LASTSEEN_REQUIRE_LAB=1 allows no skip. {why}"
    return report
