"""A window of plays while it is in flight, and how each of them ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from booster.engine.interface import Tally, Window

if TYPE_CHECKING:
    from booster.engine.order import OrderPlays

NONE_YET = -1  # unlike every status, and unlike the 0 of a connection without a whole answer


class Outcome(Enum):
    COUNTED = "counted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNCERTAIN = "uncertain"


class Batch:
    """`left` is counted down for each play that ends. On the hot path that is all, and its answer
    was `good`; every other end stands in `other` as well."""

    __slots__ = ("end", "expires", "good", "left", "next", "order", "other", "statuses", "window")

    def __init__(self, window: Window, order: OrderPlays) -> None:
        if window.count < 1:
            raise ValueError(f"an empty window: {window}")
        self.window = window
        self.order = order
        self.next = window.first  # plays before it have been started
        self.end = window.first + window.count
        self.expires = window.expires
        self.left = window.count
        self.good = NONE_YET  # the status that the hot path takes for counted
        self.other = dict.fromkeys(Outcome, 0)
        self.statuses: dict[int, int] = {}

    @property
    def counted(self) -> int:
        ended = self.window.count - self.left
        return ended - sum(self.other.values()) + self.other[Outcome.COUNTED]

    def leave_hot_path(self) -> None:
        """Write down what the hot path has counted: it takes no status for good any more."""
        good = self.counted - self.other[Outcome.COUNTED]
        if good:
            self.other[Outcome.COUNTED] += good
            self.count_answers(self.good, good)
        self.good = NONE_YET

    def count_answers(self, status: int, plays: int = 1) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + plays

    def tally(self) -> Tally:
        self.leave_hot_path()
        return Tally(
            counted=self.other[Outcome.COUNTED],
            refused=self.other[Outcome.REFUSED],
            not_sent=self.other[Outcome.NOT_SENT],
            uncertain=self.other[Outcome.UNCERTAIN],
            statuses=self.statuses,
            halted=bool(self.order.stopped),
        )


@dataclass(slots=True)
class Play:
    """One play on the careful path, which has been tried before."""

    batch: Batch
    number: int
    tries: int = 0  # that may have failed by the play's own fault
    put_off: int = 0  # times the site said "not now"
    doubt: bool = False  # one of those tries may have been counted
    outcome: Outcome = Outcome.NOT_SENT  # if it is not sent again

    def end(self) -> Outcome:
        return Outcome.UNCERTAIN if self.doubt else self.outcome
