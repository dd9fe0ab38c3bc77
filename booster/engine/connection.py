"""One connection of the wire. All of it runs in the wire's thread.

The speed of the engine is made here, in `buffer_updated`: the callback that reads an answer writes
the next play, which is ready-made. No task, future, timer or object a play; one receive buffer for
all. Whatever is not "one small, whole, good answer to the play in flight" leaves that path for
`_unusual` and the Dispatch, which may be slow and careful.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade

from booster.engine.batch import Play
from booster.engine.message import AnswerHead
from booster.exceptions import SiteCode, SiteError
from booster.net.answer import parser_for

if TYPE_CHECKING:
    from booster.engine.batch import Batch
    from booster.engine.dispatch import Dispatch
    from booster.engine.wire import Wire

# One for all connections: what was read is parsed before control goes back to the loop.
READ_BUFFER = memoryview(bytearray(64 * 1024))

# A connection free for so long is looked at before it is used. A look gives the interpreter away,
# which a busy round keeps for milliseconds.
SILENT_SECONDS = 0.1

ANSWERS_OF_KEPT = 2  # of a connection that the site does not close behind each
NEVER = -1  # as `roomy`: no read is usual now


class Connection(asyncio.BufferedProtocol):
    __slots__ = (
        "answers",
        "batch",
        "dispatch",
        "due",
        "head",
        "hung_up",
        "number",
        "on_message_begin",
        "opening",
        "parser",
        "play",
        "received",
        "roomy",
        "sent",
        "status",
        "target",
        "transport",
        "wire",
    )

    def __init__(self, wire: Wire, dispatch: Dispatch) -> None:
        self.wire = wire
        self.dispatch: Dispatch | None = dispatch
        self.target = dispatch.target
        self.opening: asyncio.Task[None] | None = None
        self.transport = cast(asyncio.Transport, None)  # until connected
        self.due: deque[None] = deque()  # one entry for each answer that may begin
        self.on_message_begin = self.due.pop  # raises, and so breaks off, when none is due
        self.parser = parser_for(self)
        self.batch: Batch | None = None  # of the play in flight: one at most
        self.number = 0
        self.play: Play | None = None  # the play in flight, where it was tried before
        self.sent = monotonic()  # when the play was; when connecting or resting began
        self.received = 0  # bytes of the answer, before the present read
        self.roomy = NEVER  # the largest read that is usual now
        self.status = 0  # of a whole answer; negative when the site closes the connection then
        self.head = bytearray()  # of an unusual answer
        self.answers = 0  # whole ones, while they are looked at with care: the first two at least
        self.hung_up = False  # by the site, just behind its first answer and without a word

    # --- the hot path

    def get_buffer(self, sizehint: int) -> memoryview:
        return READ_BUFFER

    def buffer_updated(self, size: int) -> None:
        try:
            self.parser.feed_data(READ_BUFFER[:size])
        except HttpParserCallbackError as error:
            if not isinstance(error.__context__, IndexError):  # not of `due`
                raise
            if not self.status or b"HTTP/1" in READ_BUFFER[1:size].tobytes():
                self.break_off(SiteError(SiteCode.PLAY_ANSWER_EXCESSIVE))
                return
            # Behind a whole answer comes what is none: the body of a 204, or more than its length.
            self.status = -abs(self.status)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.break_off(SiteError(SiteCode.PLAY_ANSWER_NOT_HTTP, error=str(error)))
            return
        dispatch: Any = self.dispatch  # neither is None while `roomy` has room
        batch: Any = self.batch
        if size > self.roomy or self.status != batch.good:
            self._unusual(size)
            return
        self.status = 0
        batch.left -= 1
        if not batch.left:
            dispatch.finish(batch)
        turns = dispatch.turns
        number = turns.next
        if number < turns.limit:
            now = monotonic()  # never the loop's time, which a stopped process does not see pass
            if now < turns.expires:
                turns.next = number + 1
                self.batch = turns.batch
                self.number = number
                self.sent = now
                self.due.append(None)
                parts = turns.parts
                if parts is None:
                    self.transport.write(turns.data)
                else:
                    digits = b"%d" % number
                    if len(digits) != turns.digits:
                        parts = turns.fit(len(digits))
                    self.transport.write(digits.join(parts))
                return
        self.batch = None
        self.roomy = NEVER
        dispatch.free(self)

    def on_message_complete(self) -> None:
        parser = self.parser
        status = parser.get_status_code()
        if status < 200:  # 1xx: the answer is still to come
            self.due.append(None)
        else:
            self.status = status if parser.should_keep_alive() else -status

    # --- the careful path

    def send(self, batch: Batch, number: int, play: Play | None, now: float) -> bool:
        """Write one play. False when the connection turned out to be dead: nothing of it left."""
        dispatch = cast("Dispatch", self.dispatch)
        order = batch.order
        self.batch, self.number, self.play = batch, number, play
        self.sent = now
        self.status = self.received = 0
        self.due.append(None)
        is_plain = play is None and order.small and self.answers >= ANSWERS_OF_KEPT
        self.roomy = dispatch.roomy if is_plain else NEVER
        self.transport.write(order.message(number))
        if self.transport.is_closing():
            self.batch = self.play = None
            self.roomy = NEVER
            return False
        return True

    def _unusual(self, size: int) -> None:
        """A part of an answer, a special answer, or what nobody asked for."""
        dispatch, batch = self.dispatch, self.batch
        if dispatch is None or batch is None:
            self.close()
            return
        limits = dispatch.limits
        self.head += READ_BUFFER[: max(0, min(size, limits.max_header_bytes - len(self.head)))]
        self.received += size
        self.roomy = NEVER
        end_of_head = self.head.find(b"\r\n\r\n")
        if end_of_head < 0 and self.received > limits.max_header_bytes:
            self.break_off(SiteError(SiteCode.PLAY_HEADERS_TOO_LONG, bytes=limits.max_header_bytes))
        elif end_of_head >= 0 and self.received - end_of_head - 4 > limits.max_body_bytes:
            self.break_off(SiteError(SiteCode.PLAY_ANSWER_TOO_LONG, bytes=limits.max_body_bytes))
        elif self.status:
            unread = self.transport.get_write_buffer_size() > 0
            if unread and abs(self.status) in batch.order.counted:
                self.break_off(SiteError(SiteCode.PLAY_ANSWERED_EARLY))
            else:
                self._whole(keep=self.status > 0 and not unread)

    def _whole(self, keep: bool) -> None:
        dispatch, head, status = cast("Dispatch", self.dispatch), bytes(self.head), abs(self.status)
        self.head.clear()
        self.status = self.received = 0
        self.answers += 1
        dispatch.answered(self, status, head)
        if not keep:
            self.close()
        dispatch.free(self if keep else None)

    def break_off(self, reason: SiteError) -> None:
        """This connection is of no use any more; a play in flight on it got no answer."""
        if self.dispatch is not None and self.batch is not None:
            self.dispatch.lost(self, reason)
        self.close()

    def overdue(self, now: float) -> SiteError | None:
        limits = cast("Dispatch", self.dispatch).limits
        waited = now - self.sent
        if waited > limits.answer_timeout:
            return SiteError(SiteCode.PLAY_ANSWER_TIMED_OUT, seconds=limits.answer_timeout)
        if not self.received and waited > limits.first_byte_timeout:
            return SiteError(SiteCode.PLAY_TIMED_OUT, seconds=limits.first_byte_timeout)
        return None

    def take(self) -> Play:
        """The play in flight, off its connection."""
        assert self.batch is not None
        play = self.play or Play(self.batch, self.number)
        self.batch = self.play = None
        return play

    def close(self) -> None:
        """Close at once, whatever is still on its way, and tell whoever counts on it."""
        self.roomy = NEVER
        if self.opening is not None:
            self.opening.cancel()
        if self.transport is not None:
            self.transport.abort()
        dispatch, self.dispatch = self.dispatch, None
        if dispatch is not None:
            dispatch.gone(self)
        else:
            self.wire.forget(self)

    # --- the transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.opening = None
        if self.dispatch is None:
            self.transport.abort()
        else:
            self.dispatch.connected(self)

    def eof_received(self) -> None:
        """Without a length, this is where an answer ends; the transport closes itself then."""
        if self.batch is not None and self.dispatch is not None:
            head = AnswerHead(bytes(self.head))
            if head.ends_with_connection:
                self.status = head.status
                self._whole(keep=False)

    def connection_lost(self, error: Exception | None) -> None:
        if error is None:
            self.eof_received()  # some end TLS without saying so
        code = SiteCode.PLAY_CONNECTION_BROKEN if error else SiteCode.PLAY_CONNECTION_CLOSED
        is_soon = monotonic() - self.sent < SILENT_SECONDS
        self.hung_up = self.answers == 1 and not self.received and is_soon
        self.break_off(SiteError(code))
        self.parser = None  # it holds this object's methods: no cycle for the collector


def is_silent(transport: asyncio.Transport) -> bool:
    """Open, with nothing to read: an end or a reset that the loop has not seen yet would show."""
    if transport.is_closing():
        return False
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return not poll.poll(0)
