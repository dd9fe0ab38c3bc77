"""The one feed of this process: it starts with its first viewer and ends with the server."""

import functools
import signal
import threading
from collections.abc import Callable
from types import FrameType

from core.live.feed import Feed


@functools.cache
def process_feed() -> Feed:
    feed = Feed().start()
    stop_with_server(feed)
    return feed


def stop_with_server(feed: Feed) -> None:
    """End viewers as soon as the server is told to stop. It would wait until all polls are
    answered, without telling them. It has set its signal handlers by the time it serves: ours run
    first and call them."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, functools.partial(_stop, feed, handler))


def _stop(
    feed: Feed,
    handler: Callable[[int, FrameType | None], object],
    number: int,
    frame: FrameType | None,
) -> None:
    feed.stopping = True  # seen at the next step; a signal handler may take no lock
    handler(number, frame)
