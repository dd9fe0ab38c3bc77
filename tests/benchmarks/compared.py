"""One thing done plainly and with one of Django's levers: for tests/benchmarks/levers.py."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.plans import listening

MICROSECONDS_A_ROW, MILLISECONDS, QUERIES = "µs a row", "ms", "queries"


@dataclass(frozen=True)
class Lever:
    """`plain`: without it; `pulled`: with it."""

    name: str
    unit: str
    plain: float
    pulled: float

    def as_cells(self) -> str:
        return f"{_figure(self.plain)} → {_figure(self.pulled)} {self.unit}"


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"


def compared(
    name: str, plain: Callable[[], Any], pulled: Callable[[], Any], rounds: int, share: int = 0
) -> Lever:
    """Milliseconds of each; with `share`, microseconds of one of so many rows."""
    times: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        for work, seconds in zip((plain, pulled), times, strict=True):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
    unit, factor = (MICROSECONDS_A_ROW, 1e6 / share) if share else (MILLISECONDS, 1e3)
    return Lever(name, unit, *(statistics.median(seconds) * factor for seconds in times))


def asked(name: str, plain: Callable[[], Any], pulled: Callable[[], Any]) -> Lever:
    counts = []
    for work in (plain, pulled):
        with listening() as heard:
            work()
        counts.append(len(heard))
    return Lever(name, QUERIES, *counts)
