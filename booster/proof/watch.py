"""How one order's counter moved while plays of ours were on their way, and while none was. Pure;
the order's row keeps it as JSON from round to round.

Moments are seconds since the epoch by the database's clock, which hosts share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import gcd
from typing import Any, Self

from booster.proof.organic import Rest

# While plays are sent: between readings, a share of the time since the first, within these seconds.
WATCH_SECONDS, LONGEST_WATCH_SECONDS = 10.0, 180.0
WATCH_SHARE = 50
# Separate rests that are kept; the shortest neighbours are taken as one beyond that.
MOST_RESTS = 24
# One that is short beside the one before is taken with it: how long its two readings took blurs it.
SHORT_SHARE = 0.1
# That all numbers are multiples of 1000, say, is no chance once they are many. Tens are nobody's
# loss, and readings every ten seconds may meet them.
BY_CHANCE, LEAST_STEP = 1e-12, 100
# A counter that was not read for longer, though plays had ended, was not watched.
LONGEST_UNREAD = 90.0


@dataclass(frozen=True, slots=True)
class Reading:
    """`idle`: no play of ours was in flight when it was answered. `looks`: how many other looks at
    the video (quotes, say) the office had begun by then; for the reading before the first play,
    how many had ended before it was asked."""

    asked: float
    answered: float
    views: int
    idle: bool
    looks: int = 0

    def looks_since(self, last: "Reading") -> int:
        """A tally that was swept away begins anew."""
        return self.looks - last.looks if self.looks >= last.looks else self.looks


@dataclass(frozen=True, slots=True)
class Exposure:
    """The time outside of all rests, in which ours came. `own`: our readings meanwhile."""

    rise: int
    seconds: float
    own: int


@dataclass(frozen=True, slots=True)
class Fall:
    """The lowest reading below the first; plays received (`done`) and `own` readings by then."""

    asked: float
    views: int
    done: int
    own: int


@dataclass(slots=True)
class Watch:
    """`began`: when the counter was asked before the first play, and `before` what it showed.
    `played`: when the last play so far had ended. `own`: readings since the first one, with other
    looks of the office; `resting`: those of them within `rests`. `prompt`: what was exposed at the
    first reading after the last play, which others had the least time to move.

    `matches`: how often the counter showed exactly what was received, each time of more plays.
    `still_since`: since when it has not moved, while no play was on its way. `silent`: it stood
    still though it was read. `shown`: when it first showed all that was sent, and `after`: how it
    moved since; `at_once`: before that it showed nothing. `missed`: it could not be read for a
    while since the last play, so that nobody knows how long that took. `catching_up`: since when it
    caught up beyond the site's lag; `late`: the last time so many seconds after the last play.

    `stood`: how long at most it stood still though plays were received, until it moved.
    `still_from`: since when it shows what it shows; `still_done`: how many plays it may have
    counted by then, those on their way included; `stands`: more were received since.

    `fall`: where it fell below what it showed before the first play. `divisor`: of all that it
    showed; `numbers`: how many it showed while plays were on their way.

    `trouble`: since when the site answers in a way that would end the order. `forgiven`: how many
    of the order's failed attempts, the first ones, were such answers. `unsaid`: since when the site
    does not say by the order's number what it counted. `noted`: when a reading was kept last.
    """

    began: float | None = None
    before: int = 0
    played: float | None = None
    last: Reading | None = None
    own: int = 0
    resting: int = 0
    rests: list[Rest] = field(default_factory=list)
    matches: int = 0
    matched: int = 0
    still_since: float | None = None
    silent: bool = False
    shown: Reading | None = None
    after: Rest | None = None
    at_once: bool = False
    catching_up: float | None = None
    late: float = 0.0
    stood: float = 0.0
    still_from: float | None = None
    still_done: int = 0
    stands: bool = False
    fall: Fall | None = None
    trouble: float | None = None
    noted: float = 0.0
    unsaid: float | None = None
    prompt: Exposure | None = None
    forgiven: int = 0
    missed: bool = False
    divisor: int = 0
    numbers: int = 0

    def begin(self, reading: Reading) -> None:
        """The reading before the first play."""
        self.began, self.before = reading.asked, reading.views
        self.last = reading
        self.still_from = reading.asked

    def seconds_between_readings(self, now: float, least: float = 0.0) -> float:
        """While plays are sent. `least`: where the site has no room for more."""
        since = now - (self.began or now)
        return min(max(since / WATCH_SHARE, WATCH_SECONDS, least), LONGEST_WATCH_SECONDS)

    def note_play(self, moment: float) -> None:
        """Plays have ended at that moment, or may have."""
        self.played = moment
        self.still_since = self.shown = self.after = self.prompt = self.catching_up = None
        self.missed = False

    def add(self, reading: Reading, *, settled: float, sent: int, done: int, reserved: int) -> None:
        """A further reading. `settled`: from when on all plays that ended so far are shown, if they
        ever are; `sent`: plays received (`done`) or of unknown fate; `reserved`: or on the way."""
        last, rise = self.last, reading.views - self.before
        looks = reading.looks_since(last) if last else reading.looks
        self.own += 1 + looks
        self.last = reading
        self.divisor = gcd(self.divisor or self.before, reading.views)
        if last is not None and not reading.idle and reading.views != last.views:
            self.numbers += 1
        if reading.views < (self.fall.views if self.fall else self.before):
            self.fall = Fall(reading.asked, reading.views, done, self.own)
        if last is not None:
            self._note_standing(last, reading, done, reserved)
        if last is None or not reading.idle:
            return
        if reading.asked - max(last.answered, self.played or 0.0) > LONGEST_UNREAD:
            self.missed = True
        if rise == done > self.matched:
            self.matches, self.matched = self.matches + 1, done
        self._note_stillness(last, reading)
        if self.shown is None and rise >= sent:
            self.shown = reading
            self.at_once = last.views == self.before
        elif self.shown is not None:
            moved = reading.views - self.shown.views
            self.after = Rest(max(0, moved), reading.asked - self.shown.answered)
        is_rest = last.idle and last.answered >= max(settled, self.played or 0.0)
        if is_rest and reading.asked > last.answered and reading.views >= last.views:
            self.resting += 1 + looks
            moved = reading.views - last.views
            self._keep(Rest(moved, reading.asked - last.answered, 1 + looks))
        elif self.prompt is None and reading.asked >= (self.played or 0.0):
            self.prompt = self.exposure()

    def note_catching_up(self, reading: Reading) -> None:
        """It moves in leaps: what looked like rests was none."""
        if self.catching_up is None:
            self.catching_up = reading.answered
        self.late = reading.answered - (self.played or reading.answered)
        self.rests, self.resting = [], 0

    def exposure(self) -> Exposure:
        """All that was exposed so far."""
        if self.last is None or self.began is None:
            return Exposure(0, 0.0, 0)
        rise = self.last.views - self.before - sum(rest.views for rest in self.rests)
        rested = sum(rest.seconds for rest in self.rests)
        seconds = max(0.0, self.last.answered - self.began - rested)
        return Exposure(rise, seconds, self.own - self.resting)

    @property
    def step(self) -> int:
        """The power of ten that it was rounded to; 1: none is known."""
        step = 1
        while self.divisor and self.divisor % (10 * step) == 0:
            step *= 10
        is_rounded = step >= LEAST_STEP and step**self.numbers >= 1 / BY_CHANCE
        return step if is_rounded else 1

    @property
    def sending_seconds(self) -> float:
        """From before the first play until the last one had ended."""
        if self.began is None or self.played is None:
            return 0.0
        return max(0.0, self.played - self.began)

    @property
    def seconds_to_show(self) -> float | None:
        """From the last play until the counter was first seen to show all."""
        if self.shown is None or self.played is None:
            return None
        return max(0.0, self.shown.answered - self.played)

    def _note_standing(self, last: Reading, reading: Reading, done: int, reserved: int) -> None:
        if self.still_from is None:  # a release that kept none began it
            self.still_from, self.still_done = last.asked, reserved
        if reading.views == last.views:
            self.stands = self.stands or done > self.still_done
            return
        if self.stands:
            self.stood = max(self.stood, last.asked - self.still_from)
        self.still_from, self.still_done, self.stands = reading.asked, reserved, False

    def _note_stillness(self, last: Reading, reading: Reading) -> None:
        is_still = last.idle and last.answered >= (self.played or 0.0)
        if not is_still or reading.views != last.views:
            self.still_since = None
        elif self.still_since is None:
            self.still_since = last.answered

    def note_silence(self, lag: float) -> bool:
        """Whether it ever stood still after a reading for as long as it takes to show a play."""
        if self.still_since is not None and self.last is not None:
            soonest = self.seconds_to_show
            needed = lag if soonest is None else min(lag, soonest)
            self.silent = self.silent or self.last.asked - self.still_since >= needed
        return self.silent

    def _keep(self, rest: Rest) -> None:
        self.rests.append(rest)
        if len(self.rests) > 1 and rest.seconds < SHORT_SHARE * self.rests[-2].seconds:
            self._join(len(self.rests) - 2)
        elif len(self.rests) > MOST_RESTS:
            pairs = range(len(self.rests) - 1)
            self._join(min(pairs, key=lambda i: self.rests[i].seconds + self.rests[i + 1].seconds))

    def _join(self, at: int) -> None:
        """Two neighbours become one rest."""
        one, two = self.rests[at : at + 2]
        whole = (one.views + two.views, one.seconds + two.seconds, one.own + two.own)
        self.rests[at : at + 2] = [Rest(*whole)]

    def as_json(self) -> dict[str, Any]:
        """What a row keeps; `asdict()` would copy each number at ten times the cost."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        for name in KINDS:
            if kept[name] is not None:
                kept[name] = fields_of(kept[name])
        kept["rests"] = [fields_of(rest) for rest in self.rests]
        return kept

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Self:
        """From a row, of an earlier or later release as well."""
        known = {name: kept[name] for name in cls.__slots__ if kept and name in kept}
        for name, kind in KINDS.items():
            if known.get(name) is not None:
                known[name] = kind(**known[name])
        known["rests"] = [Rest(**rest) for rest in known.get("rests") or ()]
        return cls(**known)


def fields_of(part: Reading | Rest | Exposure | Fall) -> dict[str, float]:
    return {name: getattr(part, name) for name in part.__slots__}


KINDS: dict[str, Any] = {
    **dict.fromkeys(("last", "shown"), Reading),
    "after": Rest,
    "prompt": Exposure,
    "fall": Fall,
}
