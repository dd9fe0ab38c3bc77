"""What every fault has: dice with a printed seed, a trial, and its line in the table."""

import os
import random
from collections.abc import Callable, Iterator

import pytest

from tests.faults.trial import LONG, Trial

lines: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults/" in item.nodeid:
            item.add_marker(pytest.mark.faults)
            if LONG:
                item.add_marker(pytest.mark.timeout(7200))


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
def row(request) -> Callable[[str, object], None]:
    """Say what was tried and what came of it: one line of the table."""

    def add(fault: str, figures: object) -> None:
        office = request.node.callspec.params.get("office", "") if _has_params(request) else ""
        lines.append(f"{fault:<34} {office:<10} {figures}")

    return add


def _has_params(request: pytest.FixtureRequest) -> bool:
    return hasattr(request.node, "callspec")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines and (LONG or terminalreporter.config.option.verbose > 0):
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)
