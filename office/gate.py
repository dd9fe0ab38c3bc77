"""Pages in turn: a process works on one page at a time, the others wait in line, first come first
served. If the line is full, the client is told when to come again.

One at a time, because threads of one interpreter that all compute slow each other down: 64 at once
made 1 page a second, one made 19. A page that takes longer than pages do waits for something else,
such as a site's answer: the next one begins beside it, up to WEB_THREADS in all.

No page runs outside the gate, and no running page is cut off: Django leaves the thread of a request
running when its client goes away, so its place is free only when the answer begins. A client that
goes away while in line leaves it. Sockets, polls and probes use no thread and do not pass here.

Browsers stay with the process that took their connection, and one process may have most of them. So
a client that had to wait gets its answer with the connection's end and comes again by a new one,
which an idle process is the first to take.

A browser's upload is read before it joins the line, and an answer is sent after it left: slow
clients hold no place. A body larger than any upload, or than a form from somebody who may not
upload, is not read to its end: it would fill the disk. A streamed answer (an export) takes a new
turn for each part.
"""

import asyncio
import logging
import sys
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from core.models.heartbeats import PAGE_BOUNDS
from office.unavailable import RETRY_SECONDS, busy_page, too_large_page

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)

# A full line is logged this often, however many are turned away.
TOLD_EVERY_SECONDS = 60.0
# Computing a page takes less, even on a busy machine.
SLOW_SECONDS = 1.0


async def anybody(scope: Any) -> bool:
    return True


class PageGate:
    """`threads`: pages that may run, slow ones included; `longest`: requests that may wait;
    `largest`: bytes of a request, `form`: the same for those who may not upload."""

    def __init__(
        self,
        pages: Application,
        threads: int,
        longest: int,
        largest: int = sys.maxsize,
        form: int = 0,
        may_upload: Callable[[Any], Awaitable[bool]] = anybody,
    ) -> None:
        self.pages = pages
        self.largest, self.form, self.may_upload = largest, form, may_upload
        self.threads = asyncio.Semaphore(threads)
        self.quick = asyncio.Semaphore(1)
        self.longest = longest
        self.running = self.waiting = self.refused = 0
        self.page_counts = [0] * (len(PAGE_BOUNDS) + 1)
        self.page_seconds = 0.0
        self._told = -TOLD_EVERY_SECONDS

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if self.waiting >= self.longest:
            await self._refuse(send)
            return
        visit = Visit(self, scope, receive, send)
        try:
            await self.pages(scope, visit.receive, visit.send)
        finally:
            visit.end()

    def note(self, seconds: float) -> None:
        """Count a page and its seconds, from the whole request to the answer."""
        self.page_counts[bisect_left(PAGE_BOUNDS, seconds)] += 1
        self.page_seconds += seconds

    async def _refuse(self, send: Send) -> None:
        self.refused += 1
        if time.monotonic() - self._told > TOLD_EVERY_SECONDS:
            self._told = time.monotonic()
            logger.warning(
                "%d requests wait for a page already: further ones are answered 503 (WEB_QUEUE)",
                self.waiting,
            )
        retry_after = (b"retry-after", str(RETRY_SECONDS).encode())
        await answer(send, 503, busy_page(), retry_after)


async def answer(send: Send, status: int, page: str, header: tuple[bytes, bytes]) -> None:
    body = page.encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        header,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Visit:
    """One request on its way through the gate, between the server and Django."""

    def __init__(self, gate: PageGate, scope: Any, receive: Receive, send: Send) -> None:
        self.gate = gate
        self._scope = scope
        self._most = gate.form
        self._receive, self._send = receive, send
        self._came: float | None = None
        self._size = 0
        self.has_place = self.has_whole_body = self.has_waited = False
        self._quick: asyncio.TimerHandle | None = None
        self.is_stream = asyncio.Event()
        self._leaving: asyncio.Task[Message] | None = None

    async def receive(self) -> Message:
        """The body, its last part in the request's turn; then for streams that the client left."""
        if self.has_whole_body:
            await self.is_stream.wait()
            return await self._client_left()
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > self._most and await self.gate.may_upload(self._scope):
            self._most = self.gate.largest
        if self._size > self._most:
            await answer(self._send, 413, too_large_page(), (b"connection", b"close"))
            return {"type": "http.disconnect"}
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.has_whole_body = True
            self._came = time.monotonic()
            if not await self._wait_in_line():
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        self._leave()
        if message["type"] == "http.response.start":
            self.gate.note(time.monotonic() - self._came if self._came else 0.0)
            headers = message.get("headers", ())
            # Django gives a length to every answer that is not a stream.
            if b"content-length" not in {name.lower() for name, _ in headers}:
                self.is_stream.set()
            if self.has_waited:
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
        await self._send(message)
        is_end = message["type"] == "http.response.body" and not message.get("more_body", False)
        if self.is_stream.is_set() and not is_end:
            await self._enter()

    def end(self) -> None:
        self._leave()
        if self._leaving is not None:
            self._leaving.cancel()

    async def _wait_in_line(self) -> bool:
        """False if the client left before its turn."""
        if not (self.gate.threads.locked() or self.gate.quick.locked()):
            await self._enter()
            return True
        self.gate.waiting += 1
        self.has_waited = True
        turn = asyncio.create_task(self._enter())
        try:
            await asyncio.wait((turn, self._client_left()), return_when=asyncio.FIRST_COMPLETED)
            return turn.done()
        finally:
            self.gate.waiting -= 1
            if not turn.done():
                turn.cancel()

    def _client_left(self) -> asyncio.Task[Message]:
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._receive())
        return self._leaving

    async def _enter(self) -> None:
        gate = self.gate
        await gate.threads.acquire()
        try:
            await gate.quick.acquire()
        except asyncio.CancelledError:
            gate.threads.release()
            raise
        self.has_place = True
        gate.running += 1
        self._quick = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._let_the_next_begin)

    def _leave(self) -> None:
        if self.has_place:
            self.has_place = False
            self.gate.running -= 1
            self._let_the_next_begin()
            self.gate.threads.release()

    def _let_the_next_begin(self) -> None:
        if self._quick is not None:
            self._quick.cancel()
            self._quick = None
            self.gate.quick.release()
