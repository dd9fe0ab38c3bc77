"""A site in no time at all: the counters of the faulty demo site, with the clock of the test.

Stands in for the network only: a play and a reading take some milliseconds each, plays at once
begin within some milliseconds of each other. The counters are those of tests/faulty_demosite.
"""

import math
import random
from dataclasses import dataclass, field
from typing import Any

from booster.proof.calibration import (
    FindingCode,
    Record,
    Stage,
    StagePlay,
    StageReading,
    StepKind,
    judge,
    next_step,
)
from tests.faulty_demosite.counters import Counter, CounterSettings


@dataclass
class Limit:
    """As nginx's limit_req has it."""

    rate: float
    burst: int
    status: int = 429
    excess: float = 0.0
    taken_at: float = float("-inf")

    def takes(self, now: float) -> bool:
        left = max(0.0, self.excess - self.rate * (now - self.taken_at))
        if left > self.burst:
            return False
        self.excess, self.taken_at = left + 1, now
        return True


@dataclass
class CountingSite:
    settings: CounterSettings
    views: int = 12_345
    limit: Limit | None = None
    status: int = 200
    seed: int = 0
    answer_seconds: float = 0.02
    rounds_to: int = 1
    now: float = 0.0
    lost: dict[Stage, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.began = self.random.uniform(0, 4000)  # its clock has run before
        self.counter = Counter(self.settings, self.views, 0.0)
        self.connections = 0

    def calibrate(self, stop_at: float = 50_000) -> Record:
        record = Record()
        while self.now < stop_at:
            step = next_step(record, self.now)
            match step.kind:
                case StepKind.END:
                    return record
                case StepKind.WAIT:
                    self.now += step.seconds
                case StepKind.READ:
                    record.readings.append(self.read(step.stage))
                case StepKind.PLAY:
                    record.plays += self.play(step.stage, step.plays, step.fresh, record)
        return record

    def read(self, stage: Stage) -> StageReading:
        seconds = self.passes()
        views = self.counter.read(self.began + self.now + seconds / 2)
        self.now += seconds
        return StageReading(stage, self.now - seconds / 2, views // self.rounds_to * self.rounds_to)

    def play(self, stage: Stage, number: int, fresh: bool, record: Record) -> list[StagePlay]:
        used = [play.connection for play in record.plays_of(stage)]
        begins = sorted(self.now + self.random.uniform(0, 0.01) for _ in range(number))
        plays = []
        for begin in begins:
            if fresh or not used:
                self.connections += 1
                used = [self.connections]
            seconds = self.passes()
            moment = begin + seconds / 2 if number == 1 else begin + 0.001
            status = self.answer(self.began + moment, used[0], stage)
            plays.append(StagePlay(stage, begin, begin + seconds, status, status == 200, used[0]))
        self.now = max(play.ended for play in plays)
        return plays

    def answer(self, moment: float, connection: int, stage: Stage) -> int:
        if self.status != 200:
            return self.status
        if self.limit is not None and not self.limit.takes(moment):
            return self.limit.status
        if not self.counter.play(moment, "office", str(connection)):
            self.lost[stage] = self.lost.get(stage, 0) + 1
        return 200

    def passes(self) -> float:
        return self.random.uniform(0.5, 1.5) * self.answer_seconds


# --- seeded trials: a counter that misbehaves, and what has to be found

FAULTS = (
    *("plain", "lost_update", "per_address", "per_session", "double"),
    *("lag", "batch", "cached", "counts_readings", "wrap"),
)


@dataclass(frozen=True)
class Trial:
    """`found` of a site that is `settings`, whose truth is `expected`: codes with the least and the
    most of their figure, None where there is none."""

    seed: int
    settings: dict[str, Any]
    expected: dict[FindingCode, tuple[float, float] | None]
    found: dict[FindingCode, dict[str, Any]]

    @property
    def false_alarms(self) -> set[FindingCode]:
        """What was said of the counter and is not so. That it is unclear is no such thing."""
        maybe = {FindingCode.UNCLEAR, *self.expected}
        if self.settings.get("organic"):
            maybe.add(FindingCode.ORGANIC)
        return self.found.keys() - maybe

    @property
    def is_right(self) -> bool:
        return not self.false_alarms and all(
            code in self.found and (span is None or span[0] <= figure(self.found[code]) <= span[1])
            for code, span in self.expected.items()
        )


def figure(params: dict[str, Any]) -> float:
    (value,) = params.values()
    return float(value)


def trial(seed: int) -> Trial:
    """One of ten faults in turn, at random strength; half of them among other people's views, some
    with a second fault."""
    dice = random.Random(seed)
    fault = FAULTS[seed % len(FAULTS)]
    settings: dict[str, Any] = {}
    wraps_at = 2 ** dice.choice((15, 16, 31)) if fault == "wrap" else 0
    match fault:
        case "lost_update":
            settings["lost_update"] = dice.uniform(0.03, 0.25)
        case "per_address":
            settings["per_address"] = math.exp(dice.uniform(math.log(2), math.log(2000)))
        case "per_session":
            settings["per_session"] = dice.uniform(60, 3600)
        case "double" | "counts_readings":
            settings[fault] = True
        case "lag":
            settings["lag"] = math.exp(dice.uniform(math.log(2), math.log(2000)))
        case "batch":
            settings["batch"] = dice.choice((1800.0, 1800.0, dice.uniform(5, 1800)))
        case "cached":
            settings["cached"] = math.exp(dice.uniform(math.log(3), math.log(1800)))
        case "wrap":
            settings["wrap"] = wraps_at
    if fault in ("lost_update", "per_session", "double") and dice.random() < 0.3:
        settings["lag"] = dice.uniform(2, 20)
    if fault in ("lag", "batch", "cached") and dice.random() < 0.2:
        settings["double"] = True
    slow = max(settings.get(name, 0.0) for name in ("lag", "batch", "cached"))
    if dice.random() < 0.5:
        settings["organic"] = min(
            math.exp(dice.uniform(math.log(0.005), math.log(0.3))), 2 / max(slow, 1)
        )
    settings["seed"] = seed
    site = CountingSite(
        CounterSettings.parse(settings),
        views=wraps_at - dice.randint(5, 25) if wraps_at else dice.randint(0, 10**6),
        seed=seed,
    )
    record = site.calibrate()
    found = {row.code: row.params for row in judge(record)}
    return Trial(seed, settings, expected_of(site, record), found)


def expected_of(site: CountingSite, record: Record) -> dict[FindingCode, Any]:
    settings = site.settings
    found: dict[FindingCode, Any] = {}
    lost = site.lost.get(Stage.PARALLEL, 0)
    if settings.lost_update and lost:
        found[FindingCode.LOSES_IN_PARALLEL] = (10 * lost - 10, 10 * lost + 10)
    if window := settings.per_address:
        tested = record.plays[-1].at - record.plays[0].at
        if window <= tested:
            found[FindingCode.ONCE_PER_ADDRESS] = (min(window / 2, window - 3), window * 2 + 8)
        else:
            found[FindingCode.ONCE_PER_ADDRESS_FOR_LONG] = None
    if settings.per_session:
        found[FindingCode.ONCE_PER_SESSION] = None
    if settings.double:
        found[FindingCode.COUNTS_DOUBLE] = None
    for seconds, code in (
        (settings.lag, FindingCode.LAGS),
        (settings.batch, FindingCode.BATCHED),
        (settings.cached, FindingCode.CACHED),
    ):
        if seconds:
            found[code] = (0.8 * seconds - 1, 1.2 * seconds + 1)
    if settings.counts_readings:
        found[FindingCode.COUNTS_READINGS] = None
    if settings.wrap and any(
        after.views < before.views
        for before, after in zip(record.readings, record.readings[1:], strict=False)
    ):
        found[FindingCode.WRAPS] = (settings.wrap - 40, settings.wrap)
    if settings.organic * record.end >= 20:
        found[FindingCode.ORGANIC] = (settings.organic * 3600 * 0.4, settings.organic * 3600 * 2)
    if (
        not found.keys()
        - {*LATE, FindingCode.ORGANIC, FindingCode.WRAPS}
        - {FindingCode.COUNTS_READINGS}
    ):
        found[FindingCode.COUNTS_ALL] = None
    return found


LATE = {FindingCode.LAGS, FindingCode.BATCHED, FindingCode.CACHED}
