"""The connections of one site: opening, free, or with a play in flight."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

from booster import retry
from booster.engine.connection import ANSWERS_OF_KEPT, SILENT_SECONDS, Connection, is_silent
from booster.engine.wire import KEEP_SECONDS, Wire
from booster.exceptions import SiteCode, SiteError

if TYPE_CHECKING:
    from booster.engine.dispatch import Dispatch
    from booster.engine.interface import Limits
    from booster.engine.order import OrderPlays

# Connections that the site closed behind their first answer, without having said so, and none that
# gave another one since: the next play on such a connection would be lost.
HANG_UPS = 2


class Pool:
    """Everything runs in the wire's thread."""

    __slots__ = ("_connect_at", "_failed", "_free", "_hang_ups", "_open", "_opening", "_wire")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._open: set[Connection] = set()  # the free ones too
        self._free: list[Connection] = []  # the one that was free last at the end
        self._opening: set[Connection] = set()
        self._failed = 0  # connections in a row that did not come about
        self._connect_at = 0.0
        self._hang_ups = 0

    def __bool__(self) -> bool:
        return bool(self._open or self._opening)

    @property
    def busy(self) -> int:
        """How many have a play in flight, or one that has just ended."""
        return len(self._open) - len(self._free)

    @property
    def has_free(self) -> bool:
        return bool(self._free)

    def next(self, now: float) -> Connection | None:
        """The free one that take() takes, where it shows no sign of its end; else it is closed."""
        connection = self._free[-1]
        if now - connection.sent > SILENT_SECONDS and not is_silent(connection.transport):
            connection.close()
            return None
        return connection

    def take(self) -> None:
        self._free.pop()

    def give_back(self, connection: Connection) -> None:
        """It is free, or closed where the site would do so itself."""
        if connection.answers >= ANSWERS_OF_KEPT:
            self._hang_ups = 0
        elif connection.answers and self._hang_ups >= HANG_UPS:
            connection.close()
            return
        connection.sent = monotonic()
        self._free.append(connection)

    def open_more(self, dispatch: Dispatch, width: int, waiting: int, now: float) -> None:
        """As many as the waiting plays want, `width` in all; one by one while they fail."""
        if self._failed and (self._opening or now < self._connect_at):
            return
        missing = min(
            width - len(self._open) - len(self._opening),
            waiting - len(self._free) - len(self._opening),
        )
        for _ in range(min(missing, 1) if self._failed else missing):
            self._opening.add(self._wire.connect(dispatch))

    def connected(self, connection: Connection, dispatch: Dispatch) -> bool:
        """Whether it is of use."""
        self._opening.discard(connection)
        if connection.dispatch is not dispatch:
            return False
        self._open.add(connection)
        self._failed = 0
        return True

    def failed(self, most: int) -> bool:
        """One did not come about, where there may be so `most`. Whether nobody is home."""
        self._failed += 1
        self._connect_at = monotonic() + retry.CONNECTING.delay(self._failed, retry.NO_JITTER)
        return not self._open and (self._failed >= most or retry.CONNECTING.is_spent(self._failed))

    def gone(self, connection: Connection) -> None:
        self._opening.discard(connection)
        self._open.discard(connection)
        if connection.hung_up:
            self._hang_ups += 1
        if connection in self._free:
            self._free.remove(connection)

    def in_flight(self) -> list[Connection]:
        return [one for one in self._open if one.batch is not None]

    def in_flight_of(self, order: OrderPlays) -> list[Connection]:
        return [one for one in self._open if one.batch is not None and one.batch.order is order]

    def overdue(
        self, limits: Limits, now: float, *, late: bool
    ) -> Iterator[tuple[Connection, SiteError]]:
        """Plays that have waited too long, one after the other, and why. `late`: we were held up
        ourselves, and only those of orders that have stopped are."""
        soonest = now - min(limits.first_byte_timeout, limits.answer_timeout)
        for connection in self.in_flight():
            if connection.batch is None:
                continue  # its order has stopped by what befell another
            if now >= connection.batch.order.deadline:
                yield connection, SiteError(SiteCode.RUN_STOPPED)
            elif connection.sent < soonest and not late and (reason := connection.overdue(now)):
                yield connection, reason

    def late(self, soonest: float) -> list[Connection]:
        """Those that have been connecting since before then."""
        return [one for one in self._opening if one.sent < soonest and one.opening is not None]

    def trim(self, most: int, now: float) -> None:
        """Close free ones beyond so `most`, and those free for long: the site closes such itself,
        and a play on its way then is lost."""
        surplus = len(self._open) - most
        for connection in list(self._free):
            if surplus > 0 or now - connection.sent > KEEP_SECONDS:
                connection.close()
                surplus -= 1

    def stop_opening(self) -> None:
        """Nobody is home, and nobody waits any more: begin anew when somebody does."""
        for connection in list(self._opening):
            connection.close()
        self._failed = 0

    def leave(self) -> None:
        """Free connections rest on the wire, the others are broken off."""
        for connection in [*self._open, *self._opening]:
            if connection.batch is None and connection.opening is None:
                self._wire.rest(connection)
            else:
                connection.close()
