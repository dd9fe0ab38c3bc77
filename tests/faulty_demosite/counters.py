"""Counters that count wrongly, as counters of real sites do: each fault is a setting, and they
combine. Pure: whoever asks says when it is, so that hours pass in a test at once.

    lost_update      seconds between reading the count and writing it back plus one
    per_address      a view counts once an address within so many seconds
    per_session      a view counts once a session within so many seconds
    double           each view counts twice
    lag              the count is shown as it was so many seconds ago
    batch            the count that is shown moves every so many seconds only
    cached           what was shown is shown again for so many seconds
    counts_readings  being read is a view as well
    wrap             the count starts again from 0 there
    organic          views a second by other people, at random by `seed`
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, fields
from typing import Any

MAX_SECONDS = 1e6
MAX_ORGANIC = 1000.0


class CounterError(ValueError):
    """Settings that make no sense; the message names one."""


@dataclass(frozen=True, slots=True)
class CounterSettings:
    lost_update: float = 0.0
    per_address: float = 0.0
    per_session: float = 0.0
    double: bool = False
    lag: float = 0.0
    batch: float = 0.0
    cached: float = 0.0
    counts_readings: bool = False
    wrap: int = 0
    organic: float = 0.0
    seed: int = 0

    @classmethod
    def parse(cls, wanted: dict[str, Any]) -> CounterSettings:
        """Raises CounterError."""
        known = {row.name: str(row.type) for row in fields(cls)}
        if unknown := wanted.keys() - known.keys():
            raise CounterError(f"unknown: {', '.join(sorted(unknown))}")
        for name, value in wanted.items():
            _check(name, known[name], value)
        return cls(**wanted)


class Counter:
    """The count of one video, from `views` at the time `now`, which never goes back."""

    def __init__(self, settings: CounterSettings, views: int, now: float) -> None:
        self.settings = settings
        self.views = views
        self._random = random.Random(settings.seed)
        self._began = now
        self._now = now
        self._writes: deque[tuple[float, int]] = deque()  # when, and the count to be written
        self._history: deque[tuple[float, int]] = deque([(now, views)])
        self._seen: dict[tuple[str, str], float] = {}
        self._cached_until = now
        self._cached = views
        self._next_view = now + self._gap()

    def play(self, now: float, address: str, session: str) -> bool:
        """A view by somebody. Returns whether it counts."""
        self._advance(now)
        settings = self.settings
        return (
            self._is_new("address", address, settings.per_address)
            and self._is_new("session", session, settings.per_session)
            and self._add()
        )

    def read(self, now: float) -> int:
        """The count as it is shown."""
        self._advance(now)
        settings = self.settings
        if settings.cached and now < self._cached_until:
            return self._cached
        if settings.counts_readings:
            self._add()
        shown = self._at(self._shown_time())
        if settings.wrap:
            shown %= settings.wrap
        self._cached, self._cached_until = shown, now + settings.cached
        return shown

    def set_views(self, views: int, now: float) -> None:
        """What other people's plays did to it."""
        self._advance(now)
        self._writes.clear()
        self._write(now, views)

    def end(self, now: float) -> int:
        """The views when all that is under way is written."""
        self._advance(now)
        return self._writes[-1][1] if self._writes else self.views

    def _shown_time(self) -> float:
        """Until when the count that is shown now has counted."""
        shown = self._now - self.settings.lag
        if batch := self.settings.batch:
            shown = self._began + (shown - self._began) // batch * batch
        return shown

    def _at(self, moment: float) -> int:
        while len(self._history) > 1 and self._history[1][0] <= moment:
            self._history.popleft()  # nobody asks for what lies before it any more
        return self._history[0][1]

    def _add(self) -> bool:
        """Count one. Where reading and writing are apart, whoever reads in between writes what was
        already written: that one is lost."""
        step = 2 if self.settings.double else 1
        after = self.views + step
        if not self.settings.lost_update:
            self._write(self._now, after)
            return True
        counts = not self._writes or after > self._writes[-1][1]
        self._writes.append((self._now + self.settings.lost_update, after))
        return counts

    def _advance(self, now: float) -> None:
        """Do what was due until now: writes under way, and other people's views."""
        while True:
            write = self._writes[0][0] if self._writes else now + 1
            if write <= now and write <= self._next_view:
                self._write(*self._writes.popleft())
            elif self._next_view <= now:
                self._now = self._next_view
                self._add()
                self._next_view += self._gap()
            else:
                break
        self._now = now

    def _write(self, moment: float, views: int) -> None:
        self.views = views
        if self._history[-1][1] != views:
            self._history.append((moment, views))

    def _is_new(self, kind: str, name: str, seconds: float) -> bool:
        if not seconds:
            return True
        counted = self._seen.get((kind, name))
        if counted is not None and self._now - counted < seconds:
            return False
        self._seen[kind, name] = self._now
        return True

    def _gap(self) -> float:
        rate = self.settings.organic
        return self._random.expovariate(rate) if rate else float("inf")


def _check(name: str, kind: str, value: object) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "bool":
        fits = isinstance(value, bool)
    elif kind == "int":
        fits = is_number and isinstance(value, int) and value >= 0
    else:
        most = MAX_ORGANIC if name == "organic" else MAX_SECONDS
        fits = is_number and 0 <= float(value) <= most  # type: ignore[arg-type]
    if not fits:
        raise CounterError(f"{name} must be {'true or false' if kind == 'bool' else '0 or more'}")
