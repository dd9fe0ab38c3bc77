"""The feed of one web process: one thread that reads the database for all viewers.

It alone owns subscriptions and subjects. Viewers live in their event loops and are reached by
`call_in_loop`; their commands (watch, leave) come through a queue. The package's docstring tells
the rest.
"""

import functools
import logging
import secrets
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from queue import Empty, SimpleQueue
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from core.db.notifier import ChangeListener
from core.db.sessions import find_users
from core.live.source import Audience, registered_sources
from core.live.subjects import WatchedSubjects
from core.live.subscriptions import Subscription, authorize
from core.live.viewers import CloseCode, State, Viewer

logger = logging.getLogger(__name__)

# Time between two refreshes, and the shortest one after a notification.
REFRESH_SECONDS = 0.5
MIN_REFRESH_SECONDS = 0.2
# How often rights are checked again.
AUTHORIZE_SECONDS = 5.0
RETRY_SECONDS = 2.0
# Least time between steps; viewers that come meanwhile are looked up together. It is longer after a
# step that admitted somebody, since anybody can bring sessions that nobody has.
MIN_STEP_SECONDS, ADMISSION_SECONDS = 0.05, 0.1


class Feed:
    """`start()` runs it in a thread; a test may call `step()` instead."""

    def __init__(self) -> None:
        self.name = secrets.token_urlsafe(6)
        self.stopping = False
        self._listener = ChangeListener()
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._sources = registered_sources()
        self._subjects = WatchedSubjects(self._sources)
        self._subscriptions: dict[Viewer, Subscription] = {}
        # Viewers that came or changed what they watch, as an ordered set.
        self._pending: dict[Viewer, None] = {}
        self._calls: dict[Callable[..., object], list[Callable[[], None]]] = defaultdict(list)
        self._refreshed_at = 0.0
        self._authorized_at = 0.0
        self._notified = False

    # From any thread

    def start(self) -> "Feed":
        threading.Thread(target=self._run, name="live-feed", daemon=True).start()
        return self

    def watch(self, viewer: Viewer, subjects: Collection[str], language: str) -> None:
        self._command(functools.partial(self._subscribe, viewer, set(subjects), language))

    def leave(self, viewer: Viewer) -> None:
        self._command(functools.partial(self._forget, viewer))

    def _command(self, command: Callable[[], None]) -> None:
        self._commands.put(command)
        self._listener.wake()

    # In the feed's thread

    def _run(self) -> None:
        while not self.stopping:
            try:
                pause = ADMISSION_SECONDS if self.step() else MIN_STEP_SECONDS
                stepped_at = time.monotonic()
                if self._listener.wait(self.seconds_to_next_step()):
                    self._notified = True
                time.sleep(max(0.0, stepped_at + pause - time.monotonic()))
            except (DatabaseError, InterfaceError) as error:
                logger.warning("live pages stand still, the database failed: %s", error)
                connection.close()
                time.sleep(RETRY_SECONDS)
            except Exception:
                # After any error: other viewers must not stand still for good.
                logger.exception("live pages stand still for a moment")
                time.sleep(RETRY_SECONDS)
        self._run_commands()
        for viewer in list(self._subscriptions):
            self._end(viewer, CloseCode.STOPPING)
        self._flush()
        connection.close()

    def step(self) -> bool:
        """Do what is due: commands, authorization, a refresh, messages. Returns whether the
        database was asked who new viewers are."""
        self._run_commands()
        now, somebody_came = time.monotonic(), bool(self._pending)
        try:
            if somebody_came:
                self._authorize(list(self._pending))
            if self._subscriptions and now >= self._authorized_at + AUTHORIZE_SECONDS:
                self._authorize(list(self._subscriptions))
                self._authorized_at = now
            if self._subjects and now >= self._refresh_due():
                self._notified = False
                self._refresh()
                self._refreshed_at = now
            self._subjects.forget_unwatched()
        finally:
            self._flush()
        return somebody_came

    def seconds_to_next_step(self) -> float | None:
        """None when nobody watches: the thread then sleeps and keeps no connection."""
        if not self._commands.empty():
            return 0.0
        due = []
        if self._subscriptions:
            due.append(self._authorized_at + AUTHORIZE_SECONDS)
        if self._subjects:
            due.append(self._refresh_due())
        if not due:
            self._listener.close()
            connection.close()
            return None
        self._listener.open()
        return max(0.0, min(due) - time.monotonic())

    def _refresh_due(self) -> float:
        return self._refreshed_at + (MIN_REFRESH_SECONDS if self._notified else REFRESH_SECONDS)

    def _run_commands(self) -> None:
        while True:
            try:
                self._commands.get_nowait()()
            except Empty:
                return

    def _subscribe(self, viewer: Viewer, subjects: set[str], language: str) -> None:
        subscription = self._subscriptions.setdefault(viewer, Subscription(language))
        subscription.language = language
        subscription.wanted = subjects
        for name in subscription.shown.keys() - subjects:
            subscription.shown.pop(name).remove(viewer)
        self._pending[viewer] = None

    def _forget(self, viewer: Viewer) -> None:
        subscription = self._subscriptions.pop(viewer, None)
        self._pending.pop(viewer, None)
        for rendered in subscription.shown.values() if subscription else ():
            rendered.remove(viewer)

    def _end(self, viewer: Viewer, code: CloseCode) -> None:
        self._forget(viewer)
        self._call(viewer, functools.partial(viewer.end, code))

    # Who may see what

    def _authorize(self, viewers: Collection[Viewer]) -> None:
        """Show each viewer what it may see; end those that may not watch at all."""
        users = find_users({viewer.session for viewer in viewers})
        for viewer in viewers:
            self._subscriptions[viewer].user = users.get(viewer.session)
            if viewer.session not in users:
                self._end(viewer, CloseCode.SIGNED_OUT)
        self._end_surplus()
        subscriptions = {
            viewer: self._subscriptions[viewer]
            for viewer in viewers
            if viewer in self._subscriptions
        }
        authorized = authorize(subscriptions.values(), self._sources)
        new: set[str] = set()
        for viewer, subscription in subscriptions.items():
            audiences = subscription.audiences(authorized)
            if viewer in self._pending or audiences != subscription.seen_as:
                subscription.seen_as = audiences
                new |= self._show(viewer, subscription, audiences)
                self._pending.pop(viewer, None)
        if new:
            self._refresh(new)

    def _end_surplus(self) -> None:
        """End the newest viewers of a user who has too many."""
        if not self._pending:
            return
        users = (subscription.user for subscription in self._subscriptions.values())
        count = Counter(user.pk for user in users if user)
        for viewer in reversed(list(self._pending)):
            subscription = self._subscriptions[viewer]
            if subscription.user is None or subscription.shown:
                continue
            if count[subscription.user.pk] > settings.LIVE_VIEWERS_PER_USER:
                count[subscription.user.pk] -= 1
                self._end(viewer, CloseCode.TOO_MANY)

    def _show(
        self, viewer: Viewer, subscription: Subscription, audiences: Mapping[str, Audience]
    ) -> set[str]:
        """Show these subjects and refuse the rest. Returns names that are not rendered yet."""
        shown = {
            name: self._subjects.get(name, subscription.language, audience)
            for name, audience in audiences.items()
        }
        for name, rendered in subscription.shown.items():
            if shown.get(name) is not rendered:
                rendered.remove(viewer)
        new = {
            name: rendered
            for name, rendered in shown.items()
            if subscription.shown.get(name) is not rendered
        }
        for rendered in new.values():
            rendered.viewers.add(viewer)
        refused = subscription.wanted - shown.keys()
        subscription.wanted, subscription.shown = set(shown), shown
        if new or viewer in self._pending:
            # Even without any state: a poll waits until the feed has looked.
            states = {name: rendered.state for name, rendered in new.items() if rendered.state}
            self._call(viewer, functools.partial(viewer.update, states))
        if refused:
            self._call(viewer, functools.partial(viewer.refuse, refused))
        return {name for name, rendered in shown.items() if rendered.state is None}

    # What is new

    def _refresh(self, names: Collection[str] | None = None) -> None:
        updates: dict[Viewer, dict[str, State]] = defaultdict(dict)
        try:
            for rendered in self._subjects.refresh(names):
                assert rendered.state is not None
                for viewer in rendered.viewers:
                    updates[viewer][rendered.name] = rendered.state
        finally:
            # What was rendered before a source failed is not rendered again.
            for viewer, states in updates.items():
                self._call(viewer, functools.partial(viewer.update, states))

    # Telling the viewers

    def _call(self, viewer: Viewer, callback: Callable[[], None]) -> None:
        self._calls[viewer.call_in_loop].append(callback)

    def _flush(self) -> None:
        """One call for each event loop, however many viewers it has."""
        calls, self._calls = self._calls, defaultdict(list)
        for call_in_loop, callbacks in calls.items():
            call_in_loop(_run_all, callbacks)


def _run_all(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()


@functools.cache
def process_feed() -> Feed:
    """The feed of this process; it ends with the server."""
    feed = Feed().start()
    stop_with_server(feed)
    return feed


def stop_with_server(feed: Feed) -> None:
    """End viewers as soon as the server is told to stop: it would wait for all polls without
    telling them. The server has set its signal handlers before it serves; ours run first and call
    them."""
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
