"""One order on the wire: its message, its windows, and how it fares.

It starts slowly: until a play is counted, and again when plays fail in a row, only a few of its
plays are in flight at a time, and each answer is looked at with care. So an order that the site
refuses costs a handful of plays, and one that hangs does not hold the others' connections.
"""

from collections import deque

from booster.engine.batch import NONE_YET, Batch
from booster.engine.health import Failures
from booster.engine.message import Message
from booster.exceptions import SiteError
from booster.net.address import Origin
from booster.net.play import PlayRequest

SLOW_START_PLAYS = 4  # in flight at a time
LARGE_PLAY = 16 * 1024  # surely fits into a socket's empty buffer


class OrderPlays:
    """Known to its channel by `key`. All but the making of it happens in the wire's thread."""

    __slots__ = (
        *("_ended", "_template", "batches", "counted", "data", "deadline", "digits", "failures"),
        *("good", "idempotent", "in_session", "key", "live", "starting", "parts", "queued"),
        *("reason", "retry_after", "small", "stopped", "untold"),
    )

    def __init__(self, key: int, origin: Origin, play: PlayRequest) -> None:
        """ValueError: a play that must not be sent."""
        self._template = template = Message(origin, play)
        self.key = key
        self.counted = play.counted
        self.idempotent = play.idempotent
        self.in_session = play.in_session
        self.data = template.constant or b""
        self.parts: tuple[bytes, ...] | None = None if template.constant is not None else ()
        self.digits = 0  # of the numbers that `parts` are made for
        # A large one may be answered before all of it has left: that takes the careful path.
        self.small = len(self.data or b"".join(template.parts(20))) < LARGE_PLAY

        self.good = NONE_YET  # the first counted status seen; NONE_YET: it starts slowly
        self.starting = 0  # plays in flight, counted in the slow start only
        self.failures = Failures()
        self.batches: deque[Batch] = deque()  # with plays that never started
        self.live: list[Batch] = []  # not ended
        self.queued = False  # has its turn, or waits for it
        self._ended = 0  # plays counted in batches that ended

        self.stopped = ""
        self.untold = False  # it stopped itself, which is to be reported
        self.reason: SiteError | None = None
        self.retry_after: float | None = None
        self.deadline = float("inf")  # for plays in flight

    def add(self, batch: Batch) -> None:
        batch.good = self.good
        self.batches.append(batch)
        self.live.append(batch)

    def remove(self, batch: Batch) -> None:
        self.live.remove(batch)
        self._ended += batch.counted

    def front(self) -> Batch | None:
        """The batch whose plays are next; None when all have started."""
        while self.batches and self.batches[0].next >= self.batches[0].end:
            self.batches.popleft()
        return self.batches[0] if self.batches else None

    @property
    def may_start(self) -> bool:
        return self.good != NONE_YET or self.starting < SLOW_START_PLAYS

    @property
    def good_plays(self) -> int:
        return self._ended + sum(batch.counted for batch in self.live)

    def trust(self, status: int) -> None:
        """A play was counted: whatever is answered so may take the hot path."""
        self.good = status
        for batch in self.live:
            batch.good = status

    def distrust(self, in_flight: int) -> None:
        self.good, self.starting = NONE_YET, in_flight
        for batch in self.live:
            batch.leave_hot_path()

    def message(self, number: int) -> bytes:
        if self.parts is None:
            return self.data
        digits = b"%d" % number
        return digits.join(self.parts if len(digits) == self.digits else self.fit(len(digits)))

    def fit(self, digits: int) -> tuple[bytes, ...]:
        self.digits = digits
        self.parts = self._template.parts(digits)
        return self.parts
