"""Ways of counting that would explain a record, and which of them explains it best.

An explanation says when each of our plays shows and how much it moves the counter. What the
readings moved besides is other people's: the likelihood of a steady rate (Poisson) that does that.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain, pairwise, product
from math import inf, lgamma, log
from operator import attrgetter

from booster.proof.calibration.record import Record, Stage, StagePlay

# What each supposition out of the ordinary costs, in natural logarithms of likelihood.
FINE = 6.0
# Of a movement that nothing explains: less than our plays must have moved, or in no time at all.
IMPOSSIBLE = -12.0
INSTANT = 1e-3  # seconds; the least time in which others may have moved it
OTHERS_FINE = 2.0
LIMITS = tuple(2**bits for bits in (15, 16, 24, 31, 32, 53))  # of the types that counters are
NEAR_LIMIT = 10_000
FEW_RISES = 6  # as many of the largest are looked at for a delay
REFINED = 6  # as many of the best explanations
LOOKED_AT = 4  # as many of the best delays are looked at closely
SHARES = (0.1, 0.5, 0.9)  # where between two readings a batched count may have moved
LEAST_DELAY = 0.03  # seconds
SHORT_DELAYS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8)  # seconds; of who writes after answering
NOTICED = 0.5  # seconds; a batched count that moves more often is at once
WINDOWS = (3.0, 20.0, 90.0, 450.0, 1500.0, inf)
FINE_WINDOWS = tuple(1.15**step for step in range(63))


class Shown(StrEnum):
    """How the count gets to who reads it."""

    AT_ONCE = "at_once"
    LATE = "late"  # as it was so many seconds ago
    BATCHED = "batched"  # moves every so many seconds
    CACHED = "cached"  # what was read is shown again for so many seconds


class Once(StrEnum):
    EACH = "each"  # every play
    ADDRESS = "address"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`phase`: when a batched count moves, modulo `seconds`. `window`: how long an address counts
    once. `weight`: what one play moves. `parallel`: how many sent at once count; None: all.
    `readings`: each reading is a view."""

    shown: Shown = Shown.AT_ONCE
    seconds: float = 0.0
    phase: float = 0.0
    once: Once = Once.EACH
    window: float = inf
    weight: int = 1
    parallel: int | None = None
    readings: bool = False

    @property
    def way(self) -> tuple[object, ...]:
        """What it says, without the figures."""
        is_long = self.window == inf
        once = (self.once, is_long if self.once is Once.ADDRESS else None)
        return (self.shown, once, self.weight, self.parallel is None, self.readings)

    @property
    def fine(self) -> float:
        return FINE * (
            {Shown.AT_ONCE: 0.0, Shown.LATE: 1.0, Shown.CACHED: 1.1, Shown.BATCHED: 1.3}[self.shown]
            + (self.once is not Once.EACH)
            + (self.window != inf) * 0.2
            + (self.weight != 1)
            + (self.parallel is not None)
            + self.readings
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """`score`: the likelihood's logarithm, less the fine. `others`: what other people moved in
    `seconds`. `misfits`: movements that it cannot explain."""

    explanation: Explanation
    score: float
    others: int
    seconds: float
    misfits: int


@dataclass(slots=True)
class Evidence:
    """A record made ready. `times`: of readings; `moves`: what each moved, None: it wrapped."""

    times: list[float]
    moves: list[int | None]
    plays: list[StagePlay]
    memory: dict[tuple[Shown, float, float], list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Record) -> "Evidence":
        views = [reading.views for reading in record.readings]
        moves = [move_of(before, after) for before, after in pairwise(views)]
        plays = sorted(record.received, key=lambda play: play.at)
        return cls([reading.at for reading in record.readings], [0, *moves], plays)

    def shown_until(self, given: Explanation) -> list[float]:
        """For each reading, until when it shows what happened."""
        key = (given.shown, given.seconds, given.phase)
        if key not in self.memory:
            self.memory[key] = list(self._shown_until(given))
        return self.memory[key]

    def _shown_until(self, given: Explanation) -> Iterator[float]:
        filled = -inf
        for at in self.times:
            match given.shown:
                case Shown.AT_ONCE:
                    yield at
                case Shown.LATE:
                    yield at - given.seconds
                case Shown.BATCHED:
                    yield given.phase + (at - given.phase) // given.seconds * given.seconds
                case Shown.CACHED:
                    if at - filled >= given.seconds:
                        filled = at
                    yield filled

    def counted(self, given: Explanation) -> list[float]:
        """When the plays that count happened."""
        found: list[float] = []
        seen: dict[object, float] = {}
        parallel = 0
        for play in self.plays:
            if given.once is not Once.EACH:
                who = play.connection if given.once is Once.SESSION else None
                if play.at - seen.get(who, -inf) < given.window:
                    continue
                seen[who] = play.at
            if given.parallel is not None and play.stage is Stage.PARALLEL:
                parallel += 1
                if parallel > given.parallel:
                    continue
            found.append(play.at)
        return found

    def score(self, given: Explanation) -> Scored:
        until = self.shown_until(given)
        counted = self.counted(given) if given.weight else []
        views = sorted(set(until)) if given.shown is Shown.CACHED else self.times
        others, seconds, misfits, likelihood = 0, 0.0, 0, 0.0
        ours_before = before = None
        spans = []
        for move, moment in zip(self.moves, until, strict=True):
            ours = given.weight * bisect_right(counted, moment)
            if given.readings:
                ours += bisect_right(views, moment)
            if before is not None and ours_before is not None and move is not None:
                rest, span = move - (ours - ours_before), moment - before
                seconds += span
                if rest < 0:
                    likelihood += IMPOSSIBLE + 2 * rest
                    misfits += 1
                elif rest:
                    others += rest
                    spans.append((rest, span))
            before, ours_before = moment, ours
        if others:
            likelihood -= OTHERS_FINE
            rate = others / max(seconds, INSTANT)
            likelihood -= others
            for rest, span in spans:
                chance = rest * log(rate * max(span, INSTANT)) - lgamma(rest + 1)
                misfits += span <= 0 or chance - rate * span < IMPOSSIBLE
                likelihood += chance
        return Scored(given, likelihood - given.fine, others, seconds, misfits)


def move_of(before: int, after: int) -> int | None:
    """How far the counter moved; None where it wrapped and nobody knows at what."""
    if after >= before:
        return after - before
    limit = next((limit for limit in LIMITS if 0 < limit - before <= NEAR_LIMIT), None)
    return limit - before + after if limit is not None and after <= NEAR_LIMIT else None


def explain(record: Record) -> list[Scored]:
    """The best explanation of each kind and way, the best of all first."""
    evidence = Evidence.of(record)
    found = [evidence.score(given) for given in _ways(evidence, Explanation())]
    # Nothing is likelier than certain: what costs more than is missing to that cannot win.
    if max(row.score for row in found) < -FINE:
        for delays in (_late(evidence), _batched(evidence), _cached(evidence)):
            # Of each, the best of the commonest ways to count.
            rows = [
                max(map(evidence.score, _few_ways(evidence, given)), key=lambda row: row.score)
                for given in delays
            ]
            for row in sorted(rows, key=lambda row: -row.score)[:LOOKED_AT]:
                near = _refined_delay(evidence, row).explanation
                found += map(evidence.score, _ways(evidence, near))
    best: dict[object, Scored] = {}
    for row in sorted(found, key=lambda row: row.score):
        best[row.explanation.way] = row
    rows = sorted(best.values(), key=lambda row: -row.score)[:REFINED]
    return sorted((_refined(evidence, row) for row in rows), key=lambda row: -row.score)


def unrefuted(record: Record, best: Scored, margin: float) -> list[Scored]:
    """Ways in which little or nothing of ours counts that explain the readings about as well as the
    `best`: a fine is no evidence, and must not say that plays count."""
    evidence, given = Evidence.of(record), best.explanation
    less = [
        replace(given, weight=0),
        *(replace(given, once=once, window=inf) for once in (Once.ADDRESS, Once.SESSION)),
    ]
    likely = best.score + given.fine - margin
    return [row for row in map(evidence.score, less) if row.score + row.explanation.fine > likely]


def _few_ways(evidence: Evidence, shown: Explanation) -> Iterator[Explanation]:
    for weight in (1, 2):
        given = replace(shown, weight=weight)
        yield given
        yield from list(_with_losses(evidence, given))[:1]
        yield replace(given, once=Once.SESSION)
        yield replace(given, once=Once.ADDRESS)


def _ways(evidence: Evidence, shown: Explanation) -> Iterator[Explanation]:
    yield replace(shown, weight=0)
    moved = sum(move or 0 for move in evidence.moves)
    for readings in (False, True) if moved > len(evidence.moves) / 2 else (False,):
        for weight in (1, 2):
            given = replace(shown, weight=weight, readings=readings)
            for once in (Once.EACH, Once.SESSION):
                yield (one := replace(given, once=once))
                yield from _with_losses(evidence, one)
            for window in WINDOWS:
                yield replace(given, once=Once.ADDRESS, window=window)
        yield replace(shown, weight=0, readings=True)


def _with_losses(evidence: Evidence, given: Explanation) -> Iterator[Explanation]:
    """Of the plays that were sent at once, less than all count."""
    times = [play.at for play in evidence.plays if play.stage is Stage.PARALLEL]
    if len(times) < 2:
        return
    until = evidence.shown_until(given)
    moved = 0
    for index in range(1, len(until)):
        if until[index] >= times[0] and until[index - 1] < times[-1]:
            moved += (evidence.moves[index] or 0) - given.readings
    most = min(len(times) - 1, moved // given.weight)
    for counted in range(most, max(0, most - 3), -1):
        yield replace(given, parallel=counted)


def _refined_delay(evidence: Evidence, row: Scored) -> Scored:
    """The same with the delay in the middle of those that explain as well."""
    given = row.explanation
    tried: list[Explanation] = []
    match given.shown:
        case Shown.BATCHED:
            for share in range(-4, 5):
                seconds = given.seconds * (1 + share / 50)
                shifts = (given.seconds * shift / 25 for shift in range(-5, 6))
                tried += [replace(given, seconds=seconds, phase=given.phase + by) for by in shifts]
        case Shown.LATE:
            lags = _lags(evidence, _rises(evidence), 0.9 * given.seconds, 1.1 * given.seconds)
            tried = [replace(given, seconds=seconds) for seconds in lags]
        case Shown.CACHED:
            kept = _kept(evidence, _rises(evidence), 0.9 * given.seconds, 1.1 * given.seconds)
            tried = [replace(given, seconds=seconds) for seconds in kept]
    return _middle([row, *map(evidence.score, tried)])


def _refined(evidence: Evidence, row: Scored) -> Scored:
    row = _refined_delay(evidence, row)
    given = row.explanation
    if given.once is not Once.ADDRESS:
        return row
    rows = [evidence.score(replace(given, window=window)) for window in FINE_WINDOWS]
    return _middle([row, *rows])


def _middle(rows: list[Scored]) -> Scored:
    """The middle of all rows that are as good as the best."""
    best = max(row.score for row in rows)
    equal = [row for row in rows if row.score > best - 0.01]
    way = attrgetter("explanation.once", "explanation.weight", "explanation.readings")
    first = min(map(way, equal), key=str)
    alike = [row for row in equal if way(row) == first]
    alike.sort(key=attrgetter("explanation.seconds", "explanation.window"))
    return alike[len(alike) // 2]


# --- delays worth a look: those at which something rose


def _rises(evidence: Evidence, most: int = 2 * FEW_RISES) -> list[int]:
    """Which readings rose, the largest rises first."""
    rises = [index for index, move in enumerate(evidence.moves) if move]
    return sorted(rises, key=lambda index: -(evidence.moves[index] or 0))[:most]


def _late(evidence: Evidence) -> Iterator[Explanation]:
    lags = _lags(evidence, _rises(evidence, FEW_RISES), SHORT_DELAYS[-1], inf)
    for seconds in (*SHORT_DELAYS, *lags):
        yield Explanation(Shown.LATE, seconds)


def _lags(evidence: Evidence, rises: list[int], least: float, most: float) -> list[float]:
    """Between these, each of which shows some play in another reading."""
    return _between(
        at - play.at
        for index in rises
        for at in evidence.times[index - 1 : index + 1]
        for play in evidence.plays
        if least < at - play.at < most
    )


def _cached(evidence: Evidence) -> Iterator[Explanation]:
    for seconds in _kept(evidence, _rises(evidence, FEW_RISES), LEAST_DELAY, inf):
        yield Explanation(Shown.CACHED, seconds)


def _kept(evidence: Evidence, rises: list[int], least: float, most: float) -> list[float]:
    """Times for which a page may be kept, each of which renews it at another reading."""
    times = evidence.times
    return _between(
        at - filled
        for index in rises
        for at in times[index - 1 : index + 1]
        for filled in times[:index]
        if least < at - filled < most
    )


def _batched(evidence: Evidence) -> Iterator[Explanation]:
    times = evidence.times
    moments = [
        [times[index - 1] + share * (times[index] - times[index - 1]) for share in SHARES]
        for index in sorted(_rises(evidence, FEW_RISES))
    ]
    for place, some in enumerate(moments):
        for first, later in product(some, chain(*moments[place + 1 :])):
            for parts in (1, 2, 3):
                if (later - first) / parts > NOTICED:
                    yield Explanation(Shown.BATCHED, (later - first) / parts, phase=first)


def _between(values: Iterable[float]) -> list[float]:
    """The middles between these; of nearly equal ones the first."""
    edges = sorted({round(value, 2) for value in values})
    found: list[float] = []
    for before, after in pairwise(edges):
        middle = (before + after) / 2
        if not found or middle > found[-1] * 1.002:
            found.append(middle)
    return found
