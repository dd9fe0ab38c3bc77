"""When a drip-fed order's plays are due: N plays over T hours of a site's week, evenly or by its
daily load profile, its quiet hours left out.

Pure; moments are seconds since the epoch. A plan is a straight line from segment to segment: what
is due never falls, and the last play is due at the very end.
"""

from array import array
from bisect import bisect_left, bisect_right
from datetime import UTC
from itertools import accumulate, pairwise

from booster.week import HOUR, Week

EVEN = Week(UTC)


class DripPlan:
    """It begins when the site opens. What would be due in quiet hours is spread over the others."""

    def __init__(self, count: int, start: float, hours: float, week: Week = EVEN) -> None:
        if count < 1 or hours <= 0:
            raise ValueError("a drip plan needs at least one play and some time")
        self.count = count
        start = week.opens_at(start)
        spans = list(week.spans(start, start + hours * HOUR))
        # Arrays: a plan of weeks has thousands of segments, and a worker hundreds of plans.
        self._times = array("d", [start, *(until for until, _weight, _quiet in spans)])
        lengths = [end - begin for begin, end in pairwise(self._times)]
        weights = [length * weight for length, (_u, weight, _q) in zip(lengths, spans, strict=True)]
        if not any(weights):  # the profile has no plays in these hours
            weights = [
                length * (not quiet) for length, (_u, _w, quiet) in zip(lengths, spans, strict=True)
            ]
        total = sum(weights)
        self._shares = array("d", [0.0, *(share / total for share in accumulate(weights))])

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
