"""A window of plays, as it is reserved, while it is on the wire, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from booster.engine.order import OrderPlays

NONE_YET = -1  # unlike every status, and unlike the 0 of a connection without a whole answer


@dataclass(frozen=True, slots=True)
class Window:
    """Plays numbered first .. first + count - 1."""

    first: int
    count: int  # at least 1
    expires: float  # time.monotonic() after which nothing more of it is sent (the lease)


@dataclass(slots=True)
class Tally:
    """How the plays of one window or of a run ended: each in exactly one of the four counts."""

    counted: int = 0  # answered with a counted status
    refused: int = 0  # answered, surely not counted (4xx, "not now", redirect)
    not_sent: int = 0  # no byte of it left
    uncertain: int = 0  # bytes left, no full answer; or an answer that proves nothing (5xx)
    statuses: dict[int, int] = field(default_factory=dict)  # of all answers, also to plays resent
    halted: bool = False  # the order has stopped: a window reserved now would come back unsent

    @property
    def ended(self) -> int:
        return self.counted + self.refused + self.not_sent + self.uncertain


class Outcome(Enum):
    COUNTED = "counted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNCERTAIN = "uncertain"


class Batch:
    """A window on the wire. `left` is counted down; what ends on the hot path is counted by `left`
    alone and was answered with the status `good`, all else stands in `other` as well."""

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
        """How many plays have ended well so far."""
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
