"""How the feed reaches a browser: a WebSocket, or a POST that waits (long polling) or does not.

Both are ASGI applications beside Django's: a socket or a poll that waits holds no thread. Who it
is is decided by the feed, for all together and again while they are connected; where it comes from,
and what it may ask, is decided here.
"""

import asyncio
import functools
import json
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from channels.sessions import CookieMiddleware
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from core.live.feed import MOST_SUBJECTS, SIGNED_OUT, STOPPING, TOO_MANY, Feed, supported
from core.live.viewers import Viewer

# An idle socket gets an empty frame so often: a browser cannot see the protocol's own pings.
HEARTBEAT = 15.0
# A poll is answered after so long even if there is nothing new; proxies cut what is silent.
LONGEST_WAIT = 25.0
# How long a reader may take nothing at all.
STALL = 20.0
# A viewer says at most so often what it watches.
ASK_SECONDS = 0.1
MOST_BYTES = 64 * 1024
NOT_UNDERSTOOD = 4400
STATUSES = {SIGNED_OUT: 401, TOO_MANY: 429, NOT_UNDERSTOOD: 400, STOPPING: 503}

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class NotUnderstoodError(ValueError):
    """What a viewer sent is not in the form that core.live describes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a viewer sent."""

    subjects: frozenset[str]
    since: Mapping[str, int]
    language: str
    wait: float

    @classmethod
    def parse(cls, text: str | bytes, feed: str) -> "Wish":
        """`since` counts only where it is about this very `feed`."""
        if len(text) > MOST_BYTES:
            raise NotUnderstoodError
        try:
            wish = json.loads(text)
        except ValueError as error:
            raise NotUnderstoodError from error
        if not isinstance(wish, dict):
            raise NotUnderstoodError
        subjects, since = wish.get("watch", []), wish.get("since", {})
        wait = wish.get("wait", 0)
        if not isinstance(subjects, list) or not isinstance(since, dict):
            raise NotUnderstoodError
        if not isinstance(wait, int | float) or len(subjects) > MOST_SUBJECTS:
            raise NotUnderstoodError
        if not all(isinstance(name, str) and len(name) <= 100 for name in subjects):
            raise NotUnderstoodError
        known = {name: seq for name, seq in since.items() if isinstance(seq, int)}
        return cls(
            frozenset(subjects),
            known if wish.get("feed") == feed else {},
            supported(wish.get("language", "")),
            min(max(0.0, wait), LONGEST_WAIT),
        )


async def socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Until the viewer or the office ends it."""
    await receive()  # websocket.connect
    if not is_same_origin(scope):
        await send({"type": "websocket.close"})  # before it is accepted: 403
        return
    await send({"type": "websocket.accept"})
    if not (session := session_of(scope)):
        await send({"type": "websocket.close", "code": SIGNED_OUT})
        return
    viewer = new_viewer(session)
    tasks = {asyncio.create_task(one) for one in (read(viewer, receive), write(viewer, send))}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if code := next((task.result() for task in done), None):
            await send({"type": "websocket.close", "code": code})
    finally:
        the_feed().leave(viewer)
        for task in tasks:
            task.cancel()


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """For any other address."""
    await send({"type": "websocket.close"})


async def read(viewer: Viewer, receive: Receive) -> int | None:
    """Take wishes until the socket closes; the code to close it with."""
    while (event := await receive())["type"] == "websocket.receive":
        try:
            wish = Wish.parse(event.get("text") or "", the_feed().name)
        except NotUnderstoodError:
            return NOT_UNDERSTOOD
        show(viewer, wish)
        await asyncio.sleep(ASK_SECONDS)
    return None


async def write(viewer: Viewer, send: Send) -> int | None:
    """Send what is new as soon as the reader has room for it."""
    messages: list[str] = []
    while viewer.ended is None:
        try:
            async with asyncio.timeout(STALL):
                await send({"type": "websocket.send", "text": frame(messages)})
        except TimeoutError:
            # Nothing more can be sent, also no goodbye: the server drops the connection.
            return None
        except OSError:
            return None  # it has gone
        await viewer.wait(HEARTBEAT)
        messages = viewer.news()
    return viewer.ended


async def poll(scope: Scope, receive: Receive, send: Send) -> None:
    """One question and its answer: at once, or when there is news."""
    status, body = await answer(scope, receive)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer(scope: Scope, receive: Receive) -> tuple[int, bytes]:
    if scope["method"] != "POST":
        return 405, b""
    if not is_same_origin(scope):
        return 403, b""
    body = await read_body(receive)
    if body is None:
        return 413, b""
    try:
        wish = Wish.parse(body, the_feed().name)
    except NotUnderstoodError:
        return STATUSES[NOT_UNDERSTOOD], b""
    if not (session := session_of(scope)):
        return STATUSES[SIGNED_OUT], b""
    viewer = new_viewer(session)
    gone = asyncio.ensure_future(receive())
    try:
        messages = await first_news(viewer, wish, gone)
    finally:
        gone.cancel()
        the_feed().leave(viewer)
    if viewer.ended is not None:
        return STATUSES[viewer.ended], b""
    return 200, frame(messages).encode()


async def first_news(viewer: Viewer, wish: Wish, gone: "asyncio.Future[Any]") -> list[str]:
    """What there is when the feed has looked, or the first that comes in the time given."""
    show(viewer, wish)
    loop = asyncio.get_running_loop()
    until = loop.time() + wish.wait
    # A plain poll waits as well, until the feed has looked.
    left = max(wish.wait, STALL)
    while True:
        await either(viewer.wait(left), gone)
        messages = viewer.news()
        left = until - loop.time()
        if messages or left <= 0 or viewer.ended is not None or gone.done():
            return messages


async def either(coroutine: Any, other: "asyncio.Future[Any]") -> None:
    task = asyncio.ensure_future(coroutine)
    await asyncio.wait({task, other}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()


async def read_body(receive: Receive) -> bytes | None:
    """None where it is too long."""
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        if not event.get("more_body"):
            return body


def new_viewer(session: str) -> Viewer:
    return Viewer(session, asyncio.get_running_loop().call_soon_threadsafe)


def show(viewer: Viewer, wish: Wish) -> None:
    viewer.ask(set(wish.subjects), wish.since)
    the_feed().watch(viewer, wish.subjects, wish.language)


def frame(messages: list[str]) -> str:
    """The messages were written once for everybody; only the brackets are this viewer's."""
    return f'{{"feed":"{the_feed().name}","messages":[{",".join(messages)}]}}'


def is_same_origin(scope: Scope) -> bool:
    """Browsers always say from which page a socket or a POST comes; it has to be one of ours, under
    the very name that was asked. Without this any page could read with its visitor's cookie."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host", "")
    try:
        origin = urlsplit(headers.get(b"origin", ""))
    except ValueError:
        return False
    schemes = {"https"} if settings.HTTPS else {"http", "https"}
    if origin.scheme not in schemes or origin.netloc.lower() != host.lower():
        return False
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def session_of(scope: Scope) -> str:
    cookies: Mapping[str, str] = scope["cookies"]
    return cookies.get(settings.SESSION_COOKIE_NAME, "")


@functools.cache
def the_feed() -> Feed:
    """The one of this process; it starts with its first viewer."""
    feed = Feed().start()
    stop_with_the_server(feed)
    return feed


def stop_with_the_server(feed: Feed) -> None:
    """End viewers as soon as the server is told to stop: it waits for polls to be answered, and
    tells nobody. The signals are its own by now, when it serves; it goes on from here."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        servers = signal.getsignal(number)
        if callable(servers):
            signal.signal(number, functools.partial(_stop_then, feed, servers))


def _stop_then(
    feed: Feed,
    servers: Callable[[int, FrameType | None], object],
    number: int,
    frame: FrameType | None,
) -> None:
    feed.stopping = True  # seen at the next beat; a handler of signals may take no lock
    servers(number, frame)


socket_application = CookieMiddleware(socket)
poll_application = CookieMiddleware(poll)
