"""Plays that are sent again, by the rules of booster/retry.py."""

import heapq
import itertools

from booster import retry
from booster.engine.batch import Outcome, Play
from booster.engine.order import OrderPlays


class Retries:
    __slots__ = ("_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Play]] = []
        self._serial = itertools.count()  # plays themselves have no order

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, play: Play, outcome: Outcome, now: float, *, later: bool) -> bool:
        """The play ended so: send it again, if that is harmless and may help. False: it has ended
        for good. `later`: the site said "not now", which is no fault of the play's."""
        order, in_doubt = play.batch.order, outcome is Outcome.UNCERTAIN
        play.outcome, play.doubt = outcome, play.doubt or in_doubt
        if later:
            play.put_off += 1
            rule, failures = retry.PLAY_LATER, play.put_off
        else:
            play.tries += 1
            rule, failures = retry.PLAY, play.tries
        may_go = retry.may_send_again(in_doubt=in_doubt, idempotent=order.idempotent)
        if order.stopped or not may_go or rule.is_spent(failures):
            return False
        self.push(play, now + rule.delay(failures, retry.NO_JITTER))
        return True

    def push(self, play: Play, due: float) -> None:
        heapq.heappush(self._heap, (due, next(self._serial), play))

    def due(self, now: float) -> Play | None:
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
