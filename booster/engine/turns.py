"""Whose play is next. Orders with plays to start take turns, each a little time long, and shorter
where many wait: a small order beside a large one, or beside a thousand, goes out at once."""

from collections import deque

from booster.engine.batch import Batch
from booster.engine.order import OrderPlays

# A turn lasts so long, or less, so that all have theirs within a round; but a few plays are in it
# where the site is fast, since changing turns costs as much as two or three.
TURN_SECONDS, ROUND_SECONDS = 0.03, 0.1
FEW_PLAYS = 16  # also in a turn while the speed is not known


class Turns:
    """The public fields are read, and `next` is written, by each play on the hot path: `next` ..
    `limit` are plays of `batch` that may start now. fold() before all else makes them true."""

    __slots__ = (
        *("_left", "_order", "_ring", "batch", "data", "digits", "expires", "limit", "next"),
        *("parts", "speed", "started", "unsent"),
    )

    def __init__(self) -> None:
        self.batch: Batch | None = None
        self.next = self.limit = 0
        self.expires = 0.0
        self.data = b""
        self.digits = 0
        self.parts: tuple[bytes, ...] | None = None
        self.unsent = 0  # plays that never started, of all orders
        self.started = 0
        self.speed = 0.0  # plays a second; 0 until measured
        self._ring: deque[OrderPlays] = deque()  # these wait for their turn
        self._order: OrderPlays | None = None  # this one has it ...
        self._left = 0  # ... for so many plays

    def add(self, batch: Batch) -> None:
        self.unsent += batch.left
        order = batch.order
        if not order.queued:
            order.queued = True
            self._ring.append(order)

    def remove(self, order: OrderPlays) -> list[tuple[Batch, int]]:
        """None of the order's plays starts any more; returns how many of which batches never did.
        The order leaves the ring when its turn comes."""
        waiting = [(batch, batch.end - batch.next) for batch in order.batches]
        order.batches.clear()
        for batch, plays in waiting:
            batch.next = batch.end
            self.unsent -= plays
        if self.batch is not None and self.batch.order is order:
            self.batch = None
            self.next = self.limit = 0
        return waiting

    def take(self) -> Batch | None:
        """The batch whose play is next, which is loaded; None when no order may start one now."""
        for _ in range(len(self._ring) + 2):
            order = self._order
            if order is not None:
                batch = order.front()
                if batch is None:
                    order.queued = False
                elif order.may_start and (self._left > 0 or not self._ring):
                    if batch is not self.batch:
                        self._load(batch)
                    return batch
                else:
                    self._ring.append(order)
                self._order = None
            if not self._ring:
                return None
            self._order = self._ring.popleft()
            self._left = self._plays_in_turn()
        return None

    def step(self) -> int:
        number = self.next
        self.next = self.limit = number + 1
        self.fold()
        return number

    def grant(self, most: int) -> None:
        """Let the hot path start so many plays of the batch by itself."""
        self.limit = self.next + most

    def grantable(self) -> int:
        """Plays left of the batch and of the turn, which has no end for an order that is alone."""
        assert self.batch is not None
        plays = self.batch.end - self.next
        return min(plays, self._left) if self._ring else plays

    def fold(self) -> int:
        """Take back what was granted, of which so many plays have not started."""
        batch = self.batch
        if batch is None:
            return 0
        unused = self.limit - self.next
        self.limit = self.next
        started = self.next - batch.next
        batch.next = self.next
        self.started += started
        self.unsent -= started
        self._left -= started
        return unused

    def fit(self, digits: int) -> tuple[bytes, ...]:
        assert self.batch is not None
        self.digits = digits
        self.parts = parts = self.batch.order.fit(digits)
        return parts

    def orders(self) -> list[OrderPlays]:
        """Those with a turn, now or later."""
        return [*self._ring, self._order] if self._order is not None else [*self._ring]

    def _load(self, batch: Batch) -> None:
        order = batch.order
        self.batch, self.expires = batch, batch.expires
        self.next = self.limit = batch.next
        self.data, self.parts, self.digits = order.data, order.parts, order.digits

    def _plays_in_turn(self) -> int:
        if not self.speed:
            return FEW_PLAYS
        longest = self.speed * TURN_SECONDS
        fair = self.speed * ROUND_SECONDS / (len(self._ring) + 1)
        return max(1, int(min(longest, max(fair, FEW_PLAYS))))
