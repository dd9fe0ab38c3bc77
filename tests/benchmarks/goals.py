"""What was reached beside the goals: each benchmark prints its own, `make bench` all in one table.

A benchmark is a process of its own; BENCH_GOALS names the file where it leaves its lines.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Goal:
    """One figure. `reached` None: a peer is missing. `goal` None: there is none."""

    what: str
    reached: float | None
    goal: float | None = None
    at_most: bool = False
    form: str = ".2f"

    @property
    def missed(self) -> bool:
        if self.reached is None or self.goal is None:
            return False
        return self.reached > self.goal if self.at_most else self.reached < self.goal

    def as_row(self) -> str:
        sign = "≤" if self.at_most else "≥"
        reached = "left out" if self.reached is None else format(self.reached, self.form)
        goal = "–" if self.goal is None else f"{sign} {self.goal:{self.form}}"
        return f"| {self.what} | {reached} | {goal} | {'missed' if self.missed else ''} |"


def tell(goals: Iterable[Goal]) -> None:
    """Print them, and leave them for the table of all."""
    goals = list(goals)
    print("\n" + table(goals))
    if collected := os.environ.get("BENCH_GOALS"):
        with Path(collected).open("a") as lines:
            lines.writelines(json.dumps(asdict(goal)) + "\n" for goal in goals)


def told(collected: Path) -> list[Goal]:
    return [Goal(**json.loads(line)) for line in collected.read_text().splitlines()]


def table(goals: Iterable[Goal]) -> str:
    rows = [goal.as_row() for goal in goals]
    return "\n".join(["| | reached | goal | |", "|---|---|---|---|", *rows])
