"""Faults on request: what shall go wrong, where, and how often. How is in `misbehaviour`.

A fault is JSON; `where` and `kind` are required:

    where        plays | count | page | ownership | exact
    kind         one of KINDS
    video        only for this video id
    times        strikes at most so often         skip   lets so many pass first
    probability  of a strike, with `seed` to repeat a run
    over         only what comes faster than so many a second, with `burst` more at once
    counts       whether a play struck by it is counted (each kind has its own default)
    seconds      delay, hang: until answered or closed; slow_drip: between bytes; lag: how late
    status, headers   of status and redirect       location   of redirect
    size         bytes of big_body and gzip_bomb   by     views of jump and fall

The first fault that strikes decides; the others are not asked.
"""

from __future__ import annotations

import random
import re
import time
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Any

from booster.demosite.catalogue import Catalogue, Video

WHERE = ("plays", "count", "page", "ownership", "exact")

# Every kind, and whether a play that meets it is counted when the fault does not say.
KINDS = {
    "delay": True,  # counted on arrival, answered late
    "status": False,
    "hang": False,
    "hang_body": True,
    "reset_before": False,
    "reset_after": True,
    "half_body": True,
    "big_body": True,
    "slow_drip": True,
    "not_json": True,
    "gzip_bomb": True,
    "redirect": False,
    "lost_increment": False,
    "stuck": True,
    "jump": True,
    "fall": True,
    "lag": True,
}
COUNTER_KINDS = ("stuck", "jump", "fall", "lag")
MAX_SIZE = 1 << 30
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+\Z")
HEADER_VALUE = re.compile(r"[\x20-\x7e]*\Z")


class FaultError(ValueError):
    """A fault that was asked for in a way that makes no sense."""


@dataclass(slots=True)
class Fault:
    where: str
    kind: str
    video: str | None = None
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int | None = None
    over: float | None = None
    burst: int = 0
    counts: bool | None = None
    seconds: float | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    location: str = "/"
    size: int | None = None
    by: int = 1000
    strikes: int = 0
    random: random.Random = field(init=False, repr=False)
    excess: float = field(default=0.0, init=False, repr=False)
    taken_at: float = field(default=0.0, init=False, repr=False)
    history: CounterHistory = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.history = CounterHistory()

    @classmethod
    def parse(cls, wanted: object) -> Fault:
        """Raises FaultError."""
        if not isinstance(wanted, dict):
            raise FaultError("a fault is a JSON object")
        names = {row.name for row in fields(cls) if row.init} - {"strikes"}
        if unknown := set(wanted) - names:
            raise FaultError(f"unknown: {', '.join(sorted(unknown))}")
        if missing := {"where", "kind"} - set(wanted):
            raise FaultError(f"missing: {', '.join(sorted(missing))}")
        fault = cls(**wanted)
        fault._check()
        return fault

    @property
    def counted(self) -> bool:
        return KINDS[self.kind] if self.counts is None else self.counts

    @property
    def header_lines(self) -> bytes:
        return b"".join(f"{name}: {value}\r\n".encode() for name, value in self.headers.items())

    def hits(self, where: str, video_id: str | None) -> bool:
        """Whether it strikes this request; the dice are rolled and the strike is noted."""
        if self.where != where or (self.video is not None and self.video != video_id):
            return False
        if self.times is not None and self.strikes >= self.times:
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.over is not None and self._takes(self.over, time.monotonic()):
            return False
        self.strikes += 1
        return True

    def _takes(self, over: float, now: float) -> bool:
        """As nginx's limit_req has it: what is refused does not count."""
        excess = max(0.0, self.excess - over * (now - self.taken_at)) if self.taken_at else 0.0
        if excess > self.burst:
            return False
        self.excess, self.taken_at = excess + 1.0, now
        return True

    def shown_views(self, video: Video) -> int:
        """The count that a lying counter shows."""
        match self.kind:
            case "stuck":
                return self.history.first(video)
            case "jump":
                return video.views + self.by
            case "fall":
                return max(0, video.views - self.by)
            case "lag":
                return self.history.before(video, time.monotonic() - (self.seconds or 1.0))
        return video.views

    def as_json(self) -> dict[str, Any]:
        hidden = ("random", "history", "excess", "taken_at")
        return {row.name: getattr(self, row.name) for row in fields(self) if row.name not in hidden}

    def _check(self) -> None:
        _require(self.where in WHERE, f"where must be one of {', '.join(WHERE)}")
        _require(self.kind in KINDS, f"kind must be one of {', '.join(KINDS)}")
        on_count = self.kind not in COUNTER_KINDS or self.where == "count"
        _require(on_count, f"{self.kind} is a fault of the count")
        on_plays = self.kind != "lost_increment" or self.where == "plays"
        _require(on_plays, "lost_increment is a fault of plays")
        _require(self.video is None or isinstance(self.video, str), "video must be an id")
        _require(self.times is None or _whole(self.times, 1), "times must be 1 or more")
        _require(_whole(self.skip, 0), "skip must be 0 or more")
        _require(_number(self.probability) and self.probability <= 1, "probability must be 0 to 1")
        over_fits = self.over is None or (_number(self.over) and self.over > 0)
        _require(over_fits, "over must be more than 0")
        _require(_whole(self.burst, 0), "burst must be 0 or more")
        _require(self.seed is None or isinstance(self.seed, int), "seed must be a whole number")
        _require(self.counts is None or isinstance(self.counts, bool), "counts must be a boolean")
        _require(self.seconds is None or _number(self.seconds), "seconds must be 0 or more")
        status_fits = self.status is None or (_whole(self.status, 200) and self.status <= 599)
        _require(status_fits, "status must be 200 to 599")
        _require(isinstance(self.headers, dict), "headers must be an object")
        headers_fit = all(
            HEADER_NAME.match(str(name)) and HEADER_VALUE.match(str(value))
            for name, value in self.headers.items()
        )
        _require(headers_fit, "headers must be plain names and values")
        location_fits = isinstance(self.location, str) and HEADER_VALUE.match(self.location)
        _require(bool(location_fits), "location must be an address")
        size_fits = self.size is None or (_whole(self.size, 1) and self.size <= MAX_SIZE)
        _require(size_fits, f"size must be 1 to {MAX_SIZE}")
        _require(_whole(self.by, 0), "by must be 0 or more")


class Faults:
    """The faults in force, oldest first."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._faults: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: Fault) -> None:
        if fault.kind in COUNTER_KINDS:
            fault.history.sample(self._catalogue.counts())
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def strike(self, where: str, video_id: str | None) -> Fault | None:
        """The fault that strikes this request, if any."""
        return next((fault for fault in self._faults if fault.hits(where, video_id)), None)

    def tick(self) -> None:
        """Called often: lagging counters need to know how the count was."""
        for fault in self._faults:
            if fault.kind == "lag":
                fault.history.sample(self._catalogue.counts())
                fault.history.forget(time.monotonic() - (fault.seconds or 1.0))

    def as_json(self) -> list[dict[str, Any]]:
        return [fault.as_json() for fault in self._faults]


class CounterHistory:
    """How counters stood since a fault began; only changes are kept."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[float, int]]] = {}

    def sample(self, counts: dict[str, int]) -> None:
        now = time.monotonic()
        for video_id, views in counts.items():
            samples = self._samples.setdefault(video_id, deque())
            if not samples or samples[-1][1] != views:
                samples.append((now, views))

    def forget(self, before: float) -> None:
        """Drop what no question about the time since `before` needs."""
        for samples in self._samples.values():
            while len(samples) > 1 and samples[1][0] <= before:
                samples.popleft()

    def first(self, video: Video) -> int:
        """The count when the fault began, or when the video was first asked for."""
        samples = self._samples.setdefault(video.id, deque([(time.monotonic(), video.views)]))
        return samples[0][1]

    def before(self, video: Video, moment: float) -> int:
        """The count at `moment`; when that is before the fault began, the count it began with."""
        first = self.first(video)
        samples = reversed(self._samples[video.id])
        return next((views for at, views in samples if at <= moment), first)


def _require(fits: bool, reason: str) -> None:
    if not fits:
        raise FaultError(reason)


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
