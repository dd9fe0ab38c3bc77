"""The feed of one web process: one thread that looks into the database for all viewers.

It alone owns subjects and renditions; viewers live in their event loops and are reached by their
`call`. Orders to it (join, ask, leave) come through a queue. See the package's docstring.
"""

import logging
import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from queue import Empty, SimpleQueue
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import DatabaseError, InterfaceError, connection
from django.utils import translation

from core.db.notifier import ChangeListener
from core.live.sessions import people
from core.live.source import Asked, Audience, Authorized, Source, registered_sources
from core.live.subjects import RenderedSubject
from core.live.viewers import Viewer

logger = logging.getLogger(__name__)

# A beat is due after so many seconds; after a ring, but never sooner than MIN_BEAT after the last.
BEAT = 0.5
MIN_BEAT = 0.2
# How often it is asked again who may see what.
RECHECK = 5.0
# A subject is kept for so long after its last viewer left: polls, and sockets that come back.
LINGER = 10.0
AFTER_TROUBLE = 2.0
# Of one user in one process: sockets and polls together; subjects of each.
MOST_VIEWERS = 40
MOST_SUBJECTS = 250

SIGNED_OUT, TOO_MANY, STOPPING = 4401, 4429, 1012


class Subject:
    """Something watched. `stamp` is the source's for what was rendered last."""

    def __init__(self, name: str, source: Source, key: str) -> None:
        self.name = name
        self.source = source
        self.key = key
        self.version: Any = _NEVER
        self.renditions: dict[tuple[str, Audience], RenderedSubject] = {}


class Watching:
    """What the feed knows of a viewer."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.user: AbstractUser | None = None
        self.asked: set[str] = set()
        self.seen: dict[str, RenderedSubject] = {}


class Feed:
    """`start()` runs it in a thread; a test may call `step()` instead."""

    def __init__(self) -> None:
        self.name = secrets.token_urlsafe(6)
        self.bell = ChangeListener()
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._viewers: dict[Viewer, Watching] = {}
        self._new: dict[Viewer, None] = {}  # who came or asks for something else, in order
        self._subjects: dict[str, Subject] = {}
        self._sources: Mapping[str, Source] = registered_sources()
        self._posts: dict[Callable[..., object], list[Callable[[], None]]] = defaultdict(list)
        self._issued = 0  # the highest number given out, so that none means two things
        self._beaten = 0.0
        self._rechecked = 0.0
        self._rung = False
        self.stopping = False  # end every viewer at the next beat; no new one is served

    # From any thread

    def start(self) -> "Feed":
        threading.Thread(target=self._run, name="live-feed", daemon=True).start()
        return self

    def watch(self, viewer: Viewer, subjects: Collection[str], language: str) -> None:
        """Let the viewer watch these from now on, and no others."""
        wanted = set(subjects)
        self._order(lambda: self._ask(viewer, wanted, language))

    def leave(self, viewer: Viewer) -> None:
        self._order(lambda: self._forget(viewer))

    def _order(self, work: Callable[[], None]) -> None:
        self._orders.put(work)
        self.bell.call()

    # In the feed's thread

    def _run(self) -> None:
        while not self.stopping:
            try:
                self.step()
                self.bell.wait(self._seconds_to_next())
                self._rung = self.bell.heard() or self._rung
            except (DatabaseError, InterfaceError) as error:
                logger.warning("live pages stand still, the database failed: %s", error)
                connection.close()
                time.sleep(AFTER_TROUBLE)
            except Exception:
                # Whatever it is: those who watch something else are not to stand still for good.
                logger.exception("live pages stand still for a moment")
                time.sleep(AFTER_TROUBLE)
        for viewer in self._viewers:
            self._post(viewer, lambda viewer=viewer: viewer.end(STOPPING))  # type: ignore[misc]
        self._deliver()
        connection.close()

    def step(self) -> None:
        """Do what is due now: orders, admissions, a beat; and tell the viewers."""
        self._obey()
        now = time.monotonic()
        try:
            if self._new:
                self._admit(self._new)
            if now - self._rechecked >= RECHECK and self._viewers:
                self._admit(self._viewers)
                self._rechecked = now
            if now - self._beaten >= self._pause() and self._subjects:
                self._rung = False
                self._look(self._subjects.values())
                self._beaten = now
            self._sweep(now)
        finally:
            self._deliver()

    def _pause(self) -> float:
        return MIN_BEAT if self._rung else BEAT

    def _seconds_to_next(self) -> float | None:
        """None when nobody watches: then the thread sleeps and keeps no connection."""
        if not self._orders.empty():
            return 0.0
        if self._viewers or self._subjects:
            self.bell.open()
            return max(0.0, self._beaten + self._pause() - time.monotonic())
        self.bell.close()
        connection.close()
        return None

    def _obey(self) -> None:
        while True:
            try:
                self._orders.get_nowait()()
            except Empty:
                return

    def _ask(self, viewer: Viewer, wanted: set[str], language: str) -> None:
        watching = self._viewers.setdefault(viewer, Watching(language))
        watching.language = language
        for name in watching.seen.keys() - wanted:
            part(viewer, watching.seen.pop(name))
        watching.asked = wanted
        self._new[viewer] = None

    def _forget(self, viewer: Viewer) -> None:
        watching = self._viewers.pop(viewer, None)
        self._new.pop(viewer, None)
        for rendition in watching.seen.values() if watching else ():
            part(viewer, rendition)

    def _sweep(self, now: float) -> None:
        """Forget what nobody has come back to."""
        left: set[Source] = set()
        for name, subject in list(self._subjects.items()):
            for reading, rendition in list(subject.renditions.items()):
                if not rendition.viewers and now - rendition.alone_since >= LINGER:
                    del subject.renditions[reading]
            if not subject.renditions:
                del self._subjects[name]
                left.add(subject.source)
        for source in left:
            source.retain({one.key for one in self._subjects.values() if one.source is source})

    # Who may see what

    def _admit(self, viewers: Iterable[Viewer]) -> None:
        """Let in and turn away: those that are new, or all of them again."""
        asked = {viewer: self._viewers[viewer] for viewer in viewers}
        known = people({viewer.session for viewer in asked})
        for viewer, watching in list(asked.items()):
            watching.user = known.get(viewer.session)
            if watching.user is None:
                del asked[viewer]
                self._end(viewer, SIGNED_OUT)
        self._limit(asked)
        admitted = self._admitted(asked.values())
        fresh: set[str] = set()
        for viewer, watching in asked.items():
            fresh |= self._let_see(viewer, watching, admitted)
        self._new = {viewer: None for viewer in self._new if viewer not in asked}
        if fresh:
            self._look([self._subjects[name] for name in fresh])

    def _limit(self, asked: dict[Viewer, Watching]) -> None:
        """The newest viewers of a user who has too many go."""
        count = Counter(one.user.pk for one in self._viewers.values() if one.user)
        for viewer in [viewer for viewer in reversed(asked) if viewer in self._new]:
            user = asked[viewer].user
            assert user is not None
            if count[user.pk] > MOST_VIEWERS and not asked[viewer].seen:
                count[user.pk] -= 1
                del asked[viewer]
                self._end(viewer, TOO_MANY)

    def _admitted(self, asked: Iterable[Watching]) -> dict[tuple[int, str], Audience]:
        """By user and name of the subject, as whom it may be seen."""
        wanted: dict[str, dict[tuple[int, str], AbstractUser]] = defaultdict(dict)
        for watching in asked:
            assert watching.user is not None
            for name in watching.asked:
                prefix, _, key = name.partition(":")
                wanted[prefix][watching.user.pk, key] = watching.user
        found = {}
        for prefix, pairs in wanted.items():
            if source := self._sources.get(prefix):
                questions = [(user, key) for (_, key), user in pairs.items()]
                for (pk, key), audience in self._ask_source(source, questions).items():
                    found[pk, f"{prefix}:{key}" if key else prefix] = audience
        return found

    def _ask_source(self, source: Source, questions: Asked) -> Authorized:
        """Who cannot be answered is refused."""
        try:
            return source.authorize(questions)
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            logger.exception("the source %r failed", source.prefix)
            return {}

    def _let_see(
        self, viewer: Viewer, watching: Watching, admitted: Mapping[tuple[int, str], Audience]
    ) -> set[str]:
        """Show the viewer what it may see and has not got yet, refuse the rest. Returns the names
        of those that still have to be rendered."""
        assert watching.user is not None
        seen, fresh = {}, set()
        for name in watching.asked:
            if audience := admitted.get((watching.user.pk, name)):
                subject = self._subject(name)
                seen[name] = rendition = self._rendition(subject, watching.language, audience)
                if rendition.state is None:
                    fresh.add(name)
        refused = watching.asked - seen.keys()
        shown = {name: one for name, one in seen.items() if watching.seen.get(name) is not one}
        for name, rendition in watching.seen.items():
            if seen.get(name) is not rendition:
                part(viewer, rendition)
        for rendition in shown.values():
            rendition.viewers.add(viewer)
        watching.asked, watching.seen = set(seen), seen
        if shown:
            self._post(viewer, lambda: viewer.show(shown))
        if refused:
            self._post(viewer, lambda: viewer.refuse(refused))
        return fresh

    def _rendition(self, subject: Subject, language: str, audience: Audience) -> RenderedSubject:
        rendition = subject.renditions.get((language, audience))
        if rendition is None:
            rendition = RenderedSubject(subject.name, self._issued + 1)
            subject.renditions[language, audience] = rendition
            subject.version = _NEVER
        return rendition

    def _subject(self, name: str) -> Subject:
        if name not in self._subjects:
            prefix, _, key = name.partition(":")
            self._subjects[name] = Subject(name, self._sources[prefix], key)
        return self._subjects[name]

    def _end(self, viewer: Viewer, code: int) -> None:
        self._forget(viewer)
        self._post(viewer, lambda: viewer.end(code))

    # What is new

    def _look(self, subjects: Collection[Subject]) -> None:
        """Ask each source once for all its subjects, and render those that changed."""
        by_source: dict[Source, list[Subject]] = defaultdict(list)
        for subject in subjects:
            by_source[subject.source].append(subject)
        dirty: dict[Viewer, set[str]] = defaultdict(set)
        for source, watched in by_source.items():
            try:
                self._look_at(source, watched, dirty)
            except (DatabaseError, InterfaceError):
                raise
            except Exception:
                # A source of its own kind: the others go on, this one is asked again.
                logger.exception("the source %r failed", source.prefix)
        for viewer, names in dirty.items():
            self._post(viewer, lambda viewer=viewer, names=names: viewer.mark_dirty(names))  # type: ignore[misc]

    def _look_at(
        self, source: Source, watched: list[Subject], dirty: dict[Viewer, set[str]]
    ) -> None:
        versions = source.versions([subject.key for subject in watched])
        changed = [
            subject
            for subject in watched
            if subject.key in versions and versions[subject.key] != subject.version
        ]
        if not changed:
            return
        loaded = source.load([subject.key for subject in changed])
        readings = {reading for subject in changed for reading in subject.renditions}
        for language, audience in sorted(readings):
            with translation.override(language):
                for subject in changed:
                    rendition = subject.renditions.get((language, audience))
                    if rendition is None or subject.key not in loaded:
                        continue
                    if rendition.update(source.render(loaded[subject.key], audience)):
                        assert rendition.state is not None
                        self._issued = max(self._issued, rendition.state.seq)
                        for viewer in rendition.viewers:
                            dirty[viewer].add(subject.name)
        for subject in changed:
            subject.version = versions[subject.key]

    # Telling the viewers

    def _post(self, viewer: Viewer, work: Callable[[], None]) -> None:
        self._posts[viewer.call].append(work)

    def _deliver(self) -> None:
        """One call for each event loop, however many viewers it has."""
        posts, self._posts = self._posts, defaultdict(list)
        for call, works in posts.items():
            call(_do_all, works)


def part(viewer: Viewer, rendition: RenderedSubject) -> None:
    rendition.viewers.discard(viewer)
    rendition.alone_since = time.monotonic()


def supported(language: object) -> str:
    """The language a page asked for, else the office's own."""
    try:
        return translation.get_supported_language_variant(str(language))
    except LookupError:
        return settings.LANGUAGE_CODE


def _do_all(works: list[Callable[[], None]]) -> None:
    for work in works:
        work()


_NEVER = object()
