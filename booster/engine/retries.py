"""Plays that are sent again: which, how often, when."""

import heapq
import itertools

from booster.engine.batch import Outcome, Play
from booster.engine.order import OrderPlays

TRIES = 5
RETRY_SECONDS = 0.1  # doubled with each try
# "Not now" is no fault of the play's, and its pace is for others to mend.
TRIES_LATER = 30
DOUBLINGS_LATER = 4


class Retries:
    """Of all orders of a channel, the next one first."""

    __slots__ = ("_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Play]] = []
        self._serial = itertools.count()  # plays themselves have no order

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, play: Play, outcome: Outcome, now: float, *, later: bool) -> bool:
        """The play ended so: send it again, if that is harmless and may help. False: it has ended
        for good. `later`: the site said "not now"."""
        play.outcome = outcome
        play.doubt = play.doubt or outcome is Outcome.UNCERTAIN
        if later:
            play.put_off += 1
            hopeful, doublings = play.put_off < TRIES_LATER, min(play.put_off - 1, DOUBLINGS_LATER)
        else:
            play.tries += 1
            hopeful, doublings = play.tries < TRIES, play.tries - 1
        order = play.batch.order
        harmless = outcome is not Outcome.UNCERTAIN or order.idempotent
        if not hopeful or not harmless or order.stopped:
            return False
        self.push(play, now + RETRY_SECONDS * 2**doublings)
        return True

    def push(self, play: Play, due: float) -> None:
        heapq.heappush(self._heap, (due, next(self._serial), play))

    def due(self, now: float) -> Play | None:
        """The next one, if its time has come."""
        return self._heap[0][-1] if self._heap and self._heap[0][0] <= now else None

    def pop(self) -> None:
        heapq.heappop(self._heap)

    def remove(self, order: OrderPlays) -> list[Play]:
        """None of the order's plays is sent again: these are they."""
        removed = [play for *_, play in self._heap if play.batch.order is order]
        if removed:
            self._heap = [one for one in self._heap if one[-1].batch.order is not order]
            heapq.heapify(self._heap)
        return removed

    def orders(self) -> set[OrderPlays]:
        return {play.batch.order for *_, play in self._heap}
