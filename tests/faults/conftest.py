"""What every fault has: dice with a printed seed, a trial, and its line in the table."""

import os
import random
from collections.abc import Callable, Iterator

import pytest

from tests.faults import table
from tests.faults.oracle import Verdict
from tests.faults.trial import LONG, Trial

lines: list[table.Line] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults/" in item.nodeid:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(7200 if LONG else 900))
    if part := os.environ.get("FAULTS_PART"):
        keep_part(part, config, items)


def keep_part(part: str, config: pytest.Config, items: list[pytest.Item]) -> None:
    """FAULTS_PART leaves out all faults but those of one part of the table."""
    if part not in table.PARTS:
        raise pytest.UsageError(f"PART={part} is none of {', '.join(table.PARTS)}")
    files = {f"test_{name}.py" for name in table.PARTS[part]}
    others = [item for item in items if item.path.name not in files]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item.path.name in files]


@pytest.fixture
def dice(request) -> random.Random:
    """FAULTS_SEED repeats a run's choices; the times of real processes remain their own."""
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(10**6))
    print(f"FAULTS_SEED={seed}")
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def trial(office, demo_site, dice) -> Iterator[Trial]:
    trial = Trial(office, demo_site, dice)
    yield trial
    demo_site.remove_token(trial.site.token)


@pytest.fixture
def row(request) -> Callable[..., None]:
    """Say what was tried and what came of it: a part of one line of the table."""

    def add(fault: str, tried: str, verdict: Verdict | None = None, figures: str = "") -> None:
        verdict = verdict or Verdict()
        sums = (verdict.orders, verdict.plays, verdict.lost)
        twice = verdict.twice + verdict.charged_twice
        keep(table.Line(fault, office_of(request), tried, *sums, twice, figures))

    assert table.FAULTS
    return add


@pytest.fixture
def control(request) -> Callable[[str, object], None]:
    """Say which guard was off, and what was seen to go wrong then."""

    def add(guard: str, seen: object) -> None:
        test = request.node.originalname
        line = table.Line("", office_of(request), "", figures=str(seen), control=guard, test=test)
        keep(line)

    return add


def keep(line: table.Line) -> None:
    lines.append(line)
    table.keep(line)


def office_of(request: pytest.FixtureRequest) -> str:
    """The kind of database, where a test runs on several."""
    kind = (
        request.node.callspec.params.get("office", "") if hasattr(request.node, "callspec") else ""
    )
    return kind if isinstance(kind, str) else ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines and (LONG or terminalreporter.config.option.verbose > 0):
        terminalreporter.section("faults")
        for line in table.markdown(lines):
            terminalreporter.write_line(line)
