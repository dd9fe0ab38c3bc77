"""What a record shows: findings as codes with parameters, and the settings that suit them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from math import ceil, exp, inf, log
from typing import Any

from booster.proof import COUNTER_ROUNDS
from booster.proof.calibration.explanations import FINE, Once, Scored, Shown, explain, unrefuted
from booster.proof.calibration.record import Record, Stage

NOTICED_SECONDS = 1.0  # a count that is later than this lags
UNCLEAR = 2.5  # so much better than another finding, in natural logarithms, has the best to be
REFUTED = 2.0  # so much likelier is that plays count, before they are said to
ORGANIC_LEAST = 3  # views of others, at least
BY_CHANCE = 1e-4  # numbers that are not rounded look so
LIMIT_SHARE = 0.9
LAG_SHARE = 1.5


class FindingCode(StrEnum):
    """Kept in rows: they never change. Their sentences: core/sentences/sites.py."""

    COUNTS_ALL = "counts_all"
    COUNTS_NOTHING = "counts_nothing"  # seconds
    ONCE_PER_ADDRESS = "once_per_address"  # seconds
    ONCE_PER_ADDRESS_FOR_LONG = "once_per_address_for_long"  # seconds
    ONCE_PER_SESSION = "once_per_session"
    LOSES_IN_PARALLEL = "loses_in_parallel"  # percent
    COUNTS_DOUBLE = "counts_double"
    LAGS = "lags"  # seconds
    BATCHED = "batched"  # seconds
    CACHED = "cached"  # seconds
    COUNTS_READINGS = "counts_readings"
    LIMITS = "limits"  # rate
    NEEDS_LOGIN = "needs_login"  # status
    REFUSES = "refuses"  # status
    ORGANIC = "organic_movement"  # rate, an hour
    WRAPS = "counter_wraps"  # number
    ROUNDS = COUNTER_ROUNDS  # number
    UNCLEAR = "counting_unclear"  # moved, sent


# Why an order would be counted in part or not at all.
GRAVE = frozenset(
    {
        *(FindingCode.COUNTS_NOTHING, FindingCode.ONCE_PER_ADDRESS, FindingCode.ONCE_PER_SESSION),
        *(FindingCode.ONCE_PER_ADDRESS_FOR_LONG, FindingCode.NEEDS_LOGIN, FindingCode.REFUSES),
        *(FindingCode.COUNTS_READINGS, FindingCode.WRAPS, FindingCode.ROUNDS),
        FindingCode.UNCLEAR,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    code: FindingCode
    params: dict[str, Any] = field(default_factory=dict)


def judge(record: Record) -> list[Finding]:
    """What the record shows; [] where it holds too little to say anything."""
    if not record.plays:
        return []
    if not record.received:
        return [_refusal(record)]
    rows = explain(record)
    limits = list(_limits(record))
    if rows[0].score < -FINE and (step := _rounded_to(record)):
        return [Finding(FindingCode.ROUNDS, {"number": step}), *limits]
    findings = list(_about(record, rows[0]))
    rivals = [row for row in rows[1:] if rows[0].score - row.score < UNCLEAR]
    if FindingCode.COUNTS_ALL in _said(findings):
        rivals += unrefuted(record, rows[0], REFUTED)
    said = [_said(_about(record, row)) for row in rivals]
    if not rows[0].misfits and all(codes == _said(findings) for codes in said):
        return [*findings, *limits]
    # Only what all say that explain it about as well; nothing where none does.
    moved = record.readings[-1].views - record.readings[0].views
    unclear = Finding(FindingCode.UNCLEAR, {"moved": moved, "sent": len(record.received)})
    sure = [row for row in findings if all(_said([row]) <= codes for codes in said)]
    if rows[0].misfits:
        sure = list(_wraps(record))
    return [unclear, *(row for row in sure if row.code is not FindingCode.COUNTS_ALL), *limits]


def propose(findings: list[Finding]) -> dict[str, Any]:
    """The settings of the site that suit the findings, by name."""
    found = {finding.code: finding.params for finding in findings}
    settings: dict[str, Any] = {
        "counts_readings": FindingCode.COUNTS_READINGS in found,
        "learned_lag": 0,
    }
    if FindingCode.LOSES_IN_PARALLEL in found:
        settings["max_connections"] = 1
    if params := found.get(FindingCode.LIMITS):
        settings["max_rate"] = max(1, int(params["rate"] * LIMIT_SHARE))
    late = (FindingCode.LAGS, FindingCode.BATCHED, FindingCode.CACHED)
    for params in (found[code] for code in late if code in found):
        settings["learned_lag"] = ceil(params["seconds"] * LAG_SHARE)
    if found.keys() & {FindingCode.COUNTS_DOUBLE, *GRAVE}:
        settings["resend_percent"] = 0  # what is missing would be missing again
    return settings


def _refusal(record: Record) -> Finding:
    status = record.plays[-1].status
    if status in (401, 403, 407, 419, 440) or 300 <= status < 400:
        return Finding(FindingCode.NEEDS_LOGIN, {"status": status})
    return Finding(FindingCode.REFUSES, {"status": status})


def _about(record: Record, row: Scored) -> Iterator[Finding]:
    given = row.explanation
    if not given.weight:
        seconds = round(record.end - record.plays[0].ended)
        yield Finding(FindingCode.COUNTS_NOTHING, {"seconds": seconds})
    elif given.once is Once.ADDRESS:
        yield _window(record, row)
    elif given.once is Once.SESSION:
        yield Finding(FindingCode.ONCE_PER_SESSION)
    if given.parallel is not None:
        sent = sum(play.received for play in record.plays_of(Stage.PARALLEL))
        percent = round(100 * (sent - given.parallel) / sent)
        yield Finding(FindingCode.LOSES_IN_PARALLEL, {"percent": percent})
    if given.weight == 2:
        yield Finding(FindingCode.COUNTS_DOUBLE)
    if given.once is Once.EACH and given.weight == 1 and given.parallel is None:
        yield Finding(FindingCode.COUNTS_ALL)
    if given.weight and given.seconds >= NOTICED_SECONDS:
        code = {
            Shown.LATE: FindingCode.LAGS,
            Shown.BATCHED: FindingCode.BATCHED,
            Shown.CACHED: FindingCode.CACHED,
        }[given.shown]
        yield Finding(code, {"seconds": round(given.seconds)})
    if given.readings:
        yield Finding(FindingCode.COUNTS_READINGS)
    if row.others >= ORGANIC_LEAST and row.seconds:
        rate = row.others / row.seconds * 3600
        yield Finding(FindingCode.ORGANIC, {"rate": float(f"{rate:.2g}")})
    yield from _wraps(record)


def _window(record: Record, row: Scored) -> Finding:
    window = row.explanation.window
    if window == inf:
        plays = record.received
        seconds = round(plays[-1].at - plays[0].at)
        return Finding(FindingCode.ONCE_PER_ADDRESS_FOR_LONG, {"seconds": seconds})
    return Finding(FindingCode.ONCE_PER_ADDRESS, {"seconds": max(1, round(window))})


def _said(findings: Iterable[Finding]) -> set[FindingCode]:
    """However long the window of an address that counts once, the code is the same."""
    codes = {finding.code for finding in findings}
    if FindingCode.ONCE_PER_ADDRESS_FOR_LONG in codes:
        codes = codes - {FindingCode.ONCE_PER_ADDRESS_FOR_LONG} | {FindingCode.ONCE_PER_ADDRESS}
    return codes


def _wraps(record: Record) -> Iterator[Finding]:
    views = [reading.views for reading in record.readings]
    for before, after in pairwise(views):
        if after < before:
            yield Finding(FindingCode.WRAPS, {"number": before})
            return


def _rounded_to(record: Record) -> int:
    """The power of ten that all readings are multiples of, where that is no chance; else 0."""
    views = {reading.views for reading in record.readings}
    step = 1
    while all(value % (10 * step) == 0 for value in views) and any(views):
        step *= 10
    return step if len(views) > 1 and step ** len(views) >= 1 / BY_CHANCE else 0


def _limits(record: Record) -> Iterator[Finding]:
    if any(play.is_limited for play in record.plays):
        yield Finding(FindingCode.LIMITS, {"rate": float(f"{_limit_of(record):.2g}")})


def _limit_of(record: Record) -> float:
    """Of a leaky bucket (nginx's limit_req): the geometric mean of those that fit best."""
    wrong = {
        (rate, burst): _differences(record, rate, burst)
        for rate in (0.2 * 1.1**step for step in range(65))
        for burst in range(21)
    }
    least = min(wrong.values())
    rates = [log(rate) for (rate, _burst), number in wrong.items() if number == least]
    return exp(sum(rates) / len(rates))


def _differences(record: Record, rate: float, burst: int) -> int:
    """How many plays such a bucket would have answered otherwise."""
    excess, taken_at, wrong = 0.0, -inf, 0
    for play in sorted(record.plays, key=lambda play: play.began):
        left = max(0.0, excess - rate * (play.began - taken_at))
        takes = left <= burst
        if takes:
            excess, taken_at = left + 1.0, play.began
        wrong += takes != play.received
    return wrong
