"""The feed's ASGI applications: a socket, and a poll, a "consumer" in the words of the channels
library (elsewhere in the code a consumer is Huey's)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.http import AsyncHttpConsumer
from django.conf import settings

from core.live.feed import process_feed
from core.live.transports.requests import (
    MAX_BYTES,
    NotUnderstoodError,
    WatchRequest,
    is_same_origin,
    session_key,
)
from core.live.viewers import CloseCode, Viewer

# An idle socket gets an empty frame this often: a browser cannot see the protocol's own pings.
# Pages wait ten seconds longer (office/live-socket.js). A visible page also sends a ping, and gets
# an empty frame as well.
HEARTBEAT_SECONDS = 30.0
PING = "ping"
# How long a socket may take to say what it watches, and the feed to look up its user.
FIRST_MESSAGE_SECONDS = 5.0
ADMISSION_SECONDS = 5.0
# How long a socket may accept nothing, and how long even a plain poll waits for its first state.
STALL_SECONDS = 20.0
# Least time between two requests of a viewer on its socket.
REQUEST_SECONDS = 0.1

STATUSES = {
    CloseCode.SIGNED_OUT: 401,
    CloseCode.TOO_MANY: 429,
    CloseCode.NOT_UNDERSTOOD: 400,
    CloseCode.STOPPING: 503,
    CloseCode.GONE: 499,
    CloseCode.SILENT: 408,
    CloseCode.STALLED: 408,
}
HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


async def serve_socket(scope: Any, receive: Any, send: Any) -> None:
    """Serve a socket that SocketGate let in. Plain ASGI: channels takes a thread for each event, to
    look after database connections that this does not have."""
    await receive()
    viewer = new_viewer(session_key(scope))
    process_feed().watch(viewer, (), settings.LANGUAGE_CODE)
    try:
        if not await viewer.wait(ADMISSION_SECONDS) or viewer.ended is not None:
            await send({"type": "websocket.close"})  # before it is accepted: 403
            return
        viewer.take_messages()
        await send({"type": "websocket.accept"})
        listening = asyncio.create_task(listen(viewer, receive))
        try:
            await send_changes(viewer, send)
        finally:
            listening.cancel()
    except OSError:
        pass  # the reader has gone
    finally:
        process_feed().leave(viewer)


async def listen(viewer: Viewer, receive: Any) -> None:
    """Take requests until one is not understood or the reader has gone."""
    loop = asyncio.get_running_loop()
    silence = loop.call_later(FIRST_MESSAGE_SECONDS, viewer.end, CloseCode.SILENT)
    try:
        while (event := await receive())["type"] == "websocket.receive":
            text = event.get("text") or ""
            if text == PING:
                viewer.wake()
            else:
                silence.cancel()
                watch(viewer, WatchRequest.parse(text, process_feed().name))
            await asyncio.sleep(REQUEST_SECONDS)
    except NotUnderstoodError:
        viewer.end(CloseCode.NOT_UNDERSTOOD)
    finally:
        silence.cancel()
        if viewer.ended is None:
            viewer.end(CloseCode.GONE)


async def send_changes(viewer: Viewer, send: Any) -> None:
    """Send what is new when the reader has room; let go a reader that stalls."""
    messages: list[str] = []
    try:
        while viewer.ended is None:
            async with asyncio.timeout(STALL_SECONDS):
                await send({"type": "websocket.send", "text": frame(messages)})
            await viewer.wait(HEARTBEAT_SECONDS)
            messages = viewer.take_messages()
    except TimeoutError:
        # The close waits until it reads again; its place is free at once.
        process_feed().leave(viewer)
    code = viewer.ended or CloseCode.STALLED
    if code is not CloseCode.GONE:
        await send({"type": "websocket.close", "code": int(code)})


class PollConsumer(AsyncHttpConsumer):
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
        """The status and the body."""
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
        """channels looks for a client that hangs up only after the answer."""
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
    """What there is once the feed has looked, or the first that comes in the given time."""
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
    """Messages are written once for all viewers; only the brackets are this viewer's."""
    return f'{{"feed":"{process_feed().name}","messages":[{",".join(messages)}]}}'
