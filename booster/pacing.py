"""When a drip-fed order's plays are due: N plays over T hours, evenly or in waves by hour of day.

Pure: every question takes `now` (seconds since the epoch). A plan is a straight line from segment
to segment, so that what is due never falls and the last play is due at the very end.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

HOUR = 3600.0
# Share of an audience by local hour, midnight first: quiet at night, a noon hill, evening peak.
DAY_WAVE = (3, 2, 1, 1, 1, 1, 2, 3, 4, 4, 5, 6, 7, 6, 5, 5, 5, 6, 7, 9, 10, 10, 8, 5)


class DripPlan:
    """`count` plays from `start` over `hours`, evenly or `by_day` as an audience comes and goes;
    `utc_offset` seconds make the hours local."""

    def __init__(
        self, count: int, start: float, hours: float, by_day: bool = False, utc_offset: float = 0.0
    ) -> None:
        if count < 1 or hours <= 0:
            raise ValueError("a drip plan needs at least one play and some time")
        self.count = count
        self._times = _corners(start, start + hours * HOUR, by_day, utc_offset)
        weights = _weights(self._times, by_day, utc_offset)
        total = sum(weights)
        self._shares = [0.0, *(share / total for share in accumulate(weights))]

    @property
    def end(self) -> float:
        return self._times[-1]

    def due(self, now: float) -> int:
        """How many plays should be out by `now`: the first at the start, all at the end."""
        if now < self._times[0]:
            return 0
        if now >= self.end:
            return self.count
        index = bisect_right(self._times, now) - 1
        begin, end = self._times[index : index + 2]
        low, high = self._shares[index : index + 2]
        share = low + (high - low) * (now - begin) / (end - begin)
        return min(self.count, int(share * self.count) + 1)

    def due_at(self, number: int) -> float:
        """When play `number` (from 1) is due; the earliest `now` for which due(now) >= number."""
        share = (min(number, self.count) - 1) / self.count
        index = max(1, bisect_left(self._shares, share))
        begin, end = self._times[index - 1 : index + 1]
        low, high = self._shares[index - 1 : index + 1]
        return begin if high == low else begin + (end - begin) * (share - low) / (high - low)

    def rate(self, now: float) -> float:
        """Plays a second while the plan is at `now`; 0 before and after it."""
        if not self._times[0] <= now < self.end:
            return 0.0
        index = bisect_right(self._times, now) - 1
        seconds = self._times[index + 1] - self._times[index]
        return self.count * (self._shares[index + 1] - self._shares[index]) / seconds


def _corners(start: float, end: float, by_day: bool, utc_offset: float) -> list[float]:
    """The start, every full local hour between, and the end."""
    if not by_day:
        return [start, end]
    first = ((start + utc_offset) // HOUR + 1) * HOUR - utc_offset
    hours = int((end - first) // HOUR) + 1 if end > first else 0
    between = [first + hour * HOUR for hour in range(hours)]
    return [start, *(time for time in between if start < time < end), end]


def _weights(times: Sequence[float], by_day: bool, utc_offset: float) -> list[float]:
    def weight(begin: float, end: float) -> float:
        if not by_day:
            return end - begin
        middle = (begin + end) / 2 + utc_offset
        return (end - begin) * DAY_WAVE[int(middle // HOUR) % 24]

    return [weight(begin, end) for begin, end in pairwise(times)]
