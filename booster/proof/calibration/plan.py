"""What a calibration does next, by what it recorded so far.

Each stage begins with a reading, sends its plays, and reads until they show or have had their time.
Most counters are through in two minutes; one that moves every half hour takes a few of its moves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from itertools import accumulate, pairwise
from math import sqrt

from booster.proof.calibration.record import Record, Stage, StagePlay, StageReading

MAX_PLAYS = 60
GROUP = 10
# Between plays one after the other: a site that writes in the background has written meanwhile.
APART_SECONDS = 0.3

# Readings back to back show whether reading counts, the others what other people do.
QUIET_TIMES = (*[0.0] * 8, 2.0, 4.0, 7.0, 11.0, 16.0, 22.0)
AFTER_TIMES = (0.0, 5.0, 11.0, 20.0)
# When a stage is read after its last play.
POLL_TIMES = (
    *(0.0, 0.2, 0.5, 1.0, 1.5, 2.2, 3.0, 4.0, 5.0, 6.3, 8.0),
    *accumulate([8.0] + [0.0] * 32, lambda seconds, _zero: seconds * 1.2),
)[:-1]
ONE_SECONDS = 5.0
SHORT_PATIENCE = 8.0
# A counter that moves every half hour has moved by then.
LONG_PATIENCE = 2700.0
# A pause without a reading is so many times the delay of plays: a cached page is stale by then.
PAUSE = 1.5
PAUSE_LEAST = 2.0
# Twenty plays: fast ones use up what a site lets through at once, slower ones show its rate.
LIMIT_GAPS = (*[0.02] * 7, *[0.1] * 7, *[0.3] * 6)
LIMIT_WAIT = 3.0
# When an address that counts once is tried again, in seconds after its first play.
WINDOW_TIMES = (15, 30, 60, 120, 300, 600, 900, 1200, 1800)


class StepKind(Enum):
    READ = auto()
    PLAY = auto()
    WAIT = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """PLAY: `plays` at once, over new connections where `fresh`, else over that of the stage."""

    stage: Stage
    kind: StepKind
    plays: int = 0
    fresh: bool = False
    seconds: float = 0.0


def next_step(record: Record, now: float) -> Step:
    """`now`: seconds since the calibration began."""
    stage = record.stage or Stage.QUIET
    while True:
        step = STAGES[stage](record, stage, now)
        if step is not None:
            return step
        following = _stage_after(record, stage)
        if following is None:
            return Step(stage, StepKind.END)
        stage = following


def _stage_after(record: Record, stage: Stage) -> Stage | None:
    refused = [play for play in record.plays if not play.received]
    if stage is Stage.ONE and refused and not refused[0].is_limited:
        return None  # it says no to every play: there is nothing to be learned from more
    if stage is Stage.TEN and len({reading.views for reading in record.readings}) == 1:
        return Stage.AFTER  # nothing moved in all this time
    stages = list(Stage)
    for following in stages[stages.index(stage) + 1 :]:
        if following is Stage.LIMIT and not any(play.is_limited for play in record.plays):
            continue
        if following is Stage.WINDOW and not _counts_once(record):
            continue
        return following
    return None


# --- the stages: a step, or None where the stage is through


def _fresh(record: Record, stage: Stage, now: float) -> Step | None:
    delay = delay_of(record)
    is_late = delay > PAUSE_LEAST
    if is_late and not record.plays_of(stage):
        # Nobody looks before the plays: a cached page is stale by then, and shows them at once.
        until = record.end + min(PAUSE * delay, LONG_PATIENCE)
        if wait := _wait(stage, until, now):
            return wait
    return _group(record, stage, now, fresh=True, reads_before=not is_late)


def _limit(record: Record, stage: Stage, now: float) -> Step | None:
    plays = record.plays_of(stage)
    if not record.readings_of(stage):
        return _wait(stage, record.plays[-1].ended + LIMIT_WAIT, now) or _read(stage)
    if len(plays) < len(LIMIT_GAPS) and len(record.plays) < MAX_PLAYS:
        due = plays[-1].began + LIMIT_GAPS[len(plays)] if plays else now
        return _wait(stage, due, now) or Step(stage, StepKind.PLAY, plays=1)
    return _poll(record, stage, now)


def _window(record: Record, stage: Stage, now: float) -> Step | None:
    plays = record.plays_of(stage)
    if plays:
        # One reading decides, as soon as a play may show: others have moved little until then.
        due = plays[-1].ended + _least_delay(record)
        if record.readings[-1].at < due:
            return _wait(stage, due, now) or _read(stage)
        if _shows_at(record, stage) is not None or len(record.plays) >= MAX_PLAYS:
            return None
    probe = _next_probe(record)
    if probe is None:
        return None
    if record.readings[-1].at < probe:
        return _wait(stage, probe, now) or _read(stage)
    return Step(stage, StepKind.PLAY, plays=1, fresh=True)


def _group(
    record: Record,
    stage: Stage,
    now: float,
    *,
    plays: int = GROUP,
    at_once: int = 1,
    fresh: bool = False,
    reads_before: bool = True,
) -> Step | None:
    """A reading, the plays, and readings until they show."""
    sent = record.plays_of(stage)
    if reads_before and not sent and not record.readings_of(stage):
        return _read(stage)
    if len(sent) < plays:
        due = sent[-1].ended + APART_SECONDS if sent else now
        return _wait(stage, due, now) or Step(stage, StepKind.PLAY, plays=at_once, fresh=fresh)
    return _poll(record, stage, now)


def _poll(record: Record, stage: Stage, now: float) -> Step | None:
    last = _last_group(record, stage)[-1]
    readings = [row for row in record.readings if row.at >= last.ended]
    if readings and readings[-1].at >= last.ended + _patience(record, stage):
        return None
    if len(readings) == len(POLL_TIMES) or (readings and _is_seen(record, stage)):
        return None
    return _wait(stage, last.ended + POLL_TIMES[len(readings)], now) or _read(stage)


def _quiet(record: Record, stage: Stage, now: float) -> Step | None:
    return _read_at(QUIET_TIMES, record, stage, now)


def _after(record: Record, stage: Stage, now: float) -> Step | None:
    return _read_at(AFTER_TIMES, record, stage, now)


def _read_at(times: Sequence[float], record: Record, stage: Stage, now: float) -> Step | None:
    readings = record.readings_of(stage)
    if len(readings) == len(times):
        return None
    began = readings[0].at if readings else now
    return _wait(stage, began + times[len(readings)], now) or _read(stage)


STAGES: dict[Stage, Callable[[Record, Stage, float], Step | None]] = {
    Stage.QUIET: _quiet,
    Stage.ONE: partial(_group, plays=1),
    Stage.TEN: _group,
    Stage.PARALLEL: partial(_group, at_once=GROUP, fresh=True),
    Stage.FRESH: _fresh,
    Stage.LIMIT: _limit,
    Stage.WINDOW: _window,
    Stage.AFTER: _after,
}


def _read(stage: Stage) -> Step:
    return Step(stage, StepKind.READ)


def _wait(stage: Stage, due: float, now: float) -> Step | None:
    return Step(stage, StepKind.WAIT, seconds=due - now) if now < due else None


def _next_probe(record: Record) -> float | None:
    """When the next play of the window's stage is due; None when there shall be no more."""
    began, last = record.plays[0].began, record.plays[-1].began
    least = SHORT_PATIENCE + 3 * delay_of(record)
    times = (began + seconds for seconds in WINDOW_TIMES)
    return next((due for due in times if due >= last + min(least, 10.0)), None)


# --- what the counter seems to do, as far as the plan needs it


def organic_rate(record: Record) -> float:
    """Views a second that the readings before the first play show, less our own."""
    readings = record.readings_of(Stage.QUIET)
    if len(readings) < 2 or readings[-1].at <= readings[0].at:
        return 0.0
    own = len(readings) - 1 if counts_readings(record) else 0
    moved = readings[-1].views - readings[0].views - own
    return max(0.0, moved / (readings[-1].at - readings[0].at))


def counts_readings(record: Record) -> bool:
    """Whether each of the readings back to back moved the counter."""
    readings = record.readings_of(Stage.QUIET)[: QUIET_TIMES.count(0.0)]
    pairs = pairwise(readings)
    return len(readings) > 4 and all(after.views > before.views for before, after in pairs)


def delay_of(record: Record) -> float:
    """How long plays took to show, at most; 0 while none has shown."""
    found = [_shows_at(record, stage) for stage in Stage]
    return max((shown for shown in found if shown is not None), default=0.0)


def _least_delay(record: Record) -> float:
    found = [_shows_at(record, stage) for stage in (Stage.ONE, Stage.TEN)]
    return 1.3 * min((shown for shown in found if shown is not None), default=0.0)


def _last_group(record: Record, stage: Stage) -> list[StagePlay]:
    """The plays of the stage; where they are probes, the latest."""
    plays = record.plays_of(stage)
    return plays[-1:] if stage is Stage.WINDOW else plays


def _net(record: Record, group: list[StagePlay], reading: StageReading) -> tuple[float, float]:
    """What moved since before these plays beyond what others do, and how far chance goes."""
    before = [row for row in record.readings if row.at <= group[0].began][-1]
    seconds = reading.at - before.at
    others = organic_rate(record) * seconds
    own = 0
    if counts_readings(record):
        own = sum(before.at < row.at <= reading.at for row in record.readings)
    moved = reading.views - before.views - own
    if moved < 0:  # it wrapped
        return float(len(group)), 0.0
    return moved - others, sqrt(others)


def _shows_at(record: Record, stage: Stage) -> float | None:
    """How long after the last play of the stage its first movement was read; None: never."""
    group = _last_group(record, stage)
    if not group:
        return None
    for reading in record.readings:
        if reading.at >= group[-1].ended and reading.stage is stage:
            net, chance = _net(record, group, reading)
            if net >= max(0.9, 3 * chance):
                return max(0.0, reading.at - group[-1].ended)
    return None


def _is_seen(record: Record, stage: Stage) -> bool:
    """Whether all that the stage could move has moved."""
    group = [play for play in _last_group(record, stage) if play.received]
    if not group:
        return True
    net, chance = _net(record, group, record.readings[-1])
    return net >= len(group) - 0.5 and net >= 3 * chance


def _patience(record: Record, stage: Stage) -> float:
    """How long the plays of this stage may take to show. Long where nothing has ever shown, or all
    did before and none does now: a counter that moves by the clock had just moved then. Never so
    long that other people's views hide ours."""
    if stage is Stage.ONE:
        return ONE_SECONDS
    patience = max(SHORT_PATIENCE, 3 * delay_of(record))
    if _shows_at(record, stage) is None:
        has_shown = any(_shows_at(record, done) is not None for done in Stage)
        if not has_shown or _all_counted(record):
            patience = LONG_PATIENCE
    rate = organic_rate(record)
    most = 9 / rate if rate else LONG_PATIENCE
    return min(patience, max(most, SHORT_PATIENCE + ONE_SECONDS))


def _all_counted(record: Record) -> bool:
    """Whether ten plays one after the other showed as ten: no address or session counts once."""
    group = [play for play in record.plays_of(Stage.TEN) if play.received]
    readings = [row for row in record.readings_of(Stage.TEN) if group and row.at >= group[-1].ended]
    return any(_net(record, group, row)[0] >= len(group) - 0.5 for row in readings)


def _counts_once(record: Record) -> bool:
    """Whether something counted, of no ten two, and not one of each: the window is longer than
    these took."""
    if _shows_at(record, Stage.ONE) is None and _shows_at(record, Stage.TEN) is None:
        return False
    moved = []
    for stage in (Stage.TEN, Stage.PARALLEL, Stage.FRESH):
        group = [play for play in record.plays_of(stage) if play.received]
        if not group:
            return False
        moved.append(_net(record, group, record.readings_of(stage)[-1])[0])
    return max(moved) < 2 and min(moved[1:]) < 0.9
