"""The ASGI applications of the feed, written as consumers of the channels library: a socket and a
poll. (Elsewhere in the code a consumer is Huey's.)"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from channels.exceptions import DenyConnection, StopConsumer
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from core.live.transports.process import process_feed
from core.live.transports.requests import (
    MAX_BYTES,
    NotUnderstoodError,
    WatchRequest,
    is_same_origin,
    session_key,
)
from core.live.viewers import CloseCode, Viewer

# An idle socket gets an empty frame this often: a browser cannot see the protocol's own pings.
HEARTBEAT_SECONDS = 15.0
# How long a socket may take nothing, and how long even a plain poll waits for the first state of
# what it watches.
STALL_SECONDS = 20.0
# The shortest time between two requests of a viewer on its socket.
REQUEST_SECONDS = 0.1

STATUSES = {
    CloseCode.SIGNED_OUT: 401,
    CloseCode.TOO_MANY: 429,
    CloseCode.NOT_UNDERSTOOD: 400,
    CloseCode.STOPPING: 503,
    CloseCode.GONE: 499,
}
HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class SocketConsumer(AsyncWebsocketConsumer):
    """Takes what to watch in one task and sends what changed in another."""

    viewer: Viewer
    sending: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if not is_same_origin(self.scope):
            raise DenyConnection  # before it is accepted: 403
        await self.accept()
        if not (key := session_key(self.scope)):
            await self.close(CloseCode.SIGNED_OUT)
            raise StopConsumer
        self.viewer = new_viewer(key)
        self.sending = asyncio.create_task(self.send_changes())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            request = WatchRequest.parse(text_data or "", process_feed().name)
        except NotUnderstoodError:
            self.viewer.end(CloseCode.NOT_UNDERSTOOD)
            return
        watch(self.viewer, request)
        await asyncio.sleep(REQUEST_SECONDS)

    async def send_changes(self) -> None:
        """Send what is new as soon as the reader has room for it."""
        messages: list[str] = []
        with contextlib.suppress(OSError):  # the reader has gone
            try:
                while self.viewer.ended is None:
                    async with asyncio.timeout(STALL_SECONDS):
                        await self.send(frame(messages))
                    await self.viewer.wait(HEARTBEAT_SECONDS)
                    messages = self.viewer.take_messages()
            except TimeoutError:
                pass  # the reader stalls: let go of it now, close when it reads again
            finally:
                process_feed().leave(self.viewer)
            await self.close(self.viewer.ended)

    async def disconnect(self, code: int) -> None:
        if self.sending:
            self.sending.cancel()
            process_feed().leave(self.viewer)  # also where it asked once more after its end


class PollConsumer(AsyncHttpConsumer):
    """One request and its answer: at once, or when something changed."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.receive = receive
        await super().__call__(scope, receive, send)

    async def http_request(self, message: dict[str, Any]) -> None:
        if sum(map(len, self.body)) + len(message.get("body", b"")) > MAX_BYTES:
            await self.respond(413)
            raise StopConsumer
        await super().http_request(message)

    async def handle(self, body: bytes) -> None:
        if self.scope["method"] != "POST":
            await self.respond(405)
        elif not is_same_origin(self.scope):
            await self.respond(403)
        else:
            await self.respond(*await self.answer(body))

    async def answer(self, body: bytes) -> tuple[int, str]:
        """The status and what is new."""
        try:
            request = WatchRequest.parse(body, process_feed().name)
        except NotUnderstoodError:
            return STATUSES[CloseCode.NOT_UNDERSTOOD], ""
        if not (key := session_key(self.scope)):
            return STATUSES[CloseCode.SIGNED_OUT], ""
        viewer = new_viewer(key)
        hanging_up = asyncio.create_task(self.end_with_client(viewer))
        try:
            messages = await first_messages(viewer, request)
        finally:
            hanging_up.cancel()
            process_feed().leave(viewer)
        if viewer.ended is not None:
            return STATUSES[viewer.ended], ""
        return 200, frame(messages)

    async def end_with_client(self, viewer: Viewer) -> None:
        """channels itself looks for a client that hangs up only once it is answered."""
        await self.receive()
        viewer.end(CloseCode.GONE)

    async def respond(self, status: int, text: str = "") -> None:
        body = text.encode()
        length = (b"content-length", str(len(body)).encode())
        await self.send_response(status, body, headers=[*HEADERS, length])


def new_viewer(session: str) -> Viewer:
    return Viewer(session, asyncio.get_running_loop().call_soon_threadsafe)


def watch(viewer: Viewer, request: WatchRequest) -> None:
    viewer.watch(set(request.subjects), request.since)
    process_feed().watch(viewer, request.subjects, request.language)


async def first_messages(viewer: Viewer, request: WatchRequest) -> list[str]:
    """What there is when the feed has looked, or the first that comes in the time given."""
    loop = asyncio.get_running_loop()
    until = loop.time() + request.wait_seconds
    watch(viewer, request)
    await viewer.wait(max(request.wait_seconds, STALL_SECONDS))
    while not (messages := viewer.take_messages()) and viewer.ended is None:
        left = until - loop.time()
        if left <= 0:
            break
        await viewer.wait(left)
    return messages


def frame(messages: Sequence[str]) -> str:
    """The messages were written once for everybody; only the brackets are this viewer's."""
    return f'{{"feed":"{process_feed().name}","messages":[{",".join(messages)}]}}'
