"""What was done to a counter and what it showed, in the order in which it happened."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from typing import Any, Self

from booster.retry import NOT_NOW


class Stage(StrEnum):
    """In their order; the last but one two only where they are needed. Kept in rows."""

    QUIET = "quiet"  # readings without a play
    ONE = "one"  # one play
    TEN = "ten"  # ten, one after the other over one connection
    PARALLEL = "parallel"  # ten at once, each over a connection of its own
    FRESH = "fresh"  # ten, one after the other, each over a new connection
    LIMIT = "limit"  # twenty at a pace, where plays were refused for now
    WINDOW = "window"  # one at a time, ever later, where an address counts once
    AFTER = "after"  # readings without a play


@dataclass(frozen=True, slots=True)
class StageReading:
    """`at`: seconds since the calibration began."""

    stage: str
    at: float
    views: int


@dataclass(frozen=True, slots=True)
class StagePlay:
    """`received`: its status means that the site took it. `connection`: its number."""

    stage: str
    began: float
    ended: float
    status: int
    received: bool
    connection: int

    @property
    def at(self) -> float:
        return (self.began + self.ended) / 2

    @property
    def is_limited(self) -> bool:
        return not self.received and self.status in NOT_NOW


@dataclass(slots=True)
class Record:
    """`sending`: plays that go out now, or have and are not among `plays` yet."""

    readings: list[StageReading] = field(default_factory=list)
    plays: list[StagePlay] = field(default_factory=list)
    sending: int = 0

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        return cls(
            [StageReading(_stage(row[0]), *row[1:]) for row in kept.get("readings", ())],
            [StagePlay(_stage(row[0]), *row[1:]) for row in kept.get("plays", ())],
            kept.get("sending", 0),
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "readings": [_rounded(astuple(row)) for row in self.readings],
            "plays": [_rounded(astuple(row)) for row in self.plays],
            "sending": self.sending,
        }

    @property
    def stage(self) -> Stage | None:
        """The latest. Raises ValueError for one that is none of ours."""
        stages = [Stage(rows[-1].stage) for rows in (self.readings, self.plays) if rows]
        return max(stages, key=list(Stage).index, default=None)

    def readings_of(self, stage: Stage) -> list[StageReading]:
        return [row for row in self.readings if row.stage is stage]

    def plays_of(self, stage: Stage) -> list[StagePlay]:
        return [row for row in self.plays if row.stage is stage]

    @property
    def received(self) -> list[StagePlay]:
        return [play for play in self.plays if play.received]

    @property
    def end(self) -> float:
        """When the last thing was done."""
        return max(
            [row.at for row in self.readings[-1:]] + [row.ended for row in self.plays[-1:]],
            default=0.0,
        )


def _stage(name: str) -> str:
    """One of a later release beside this one is shown, and kept, as it is."""
    return Stage(name) if name in list(Stage) else name


def _rounded(row: Iterable[Any]) -> list[Any]:
    return [round(value, 4) if isinstance(value, float) else value for value in row]
