"""One viewer: a socket, or one long poll. Lives in the thread of its event loop; the feed's thread
reaches it by `post` alone.

There is no queue. A viewer knows the number of what it was given last, and takes what is newer when
it is ready for more: a slow one finds many changes, and gets the snapshot where that is shorter. So
a reader that stands still costs no memory.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Mapping

from core.live.subjects import RenderedSubject


class Viewer:
    """`call` runs a function in the viewer's thread (loop.call_soon_threadsafe)."""

    def __init__(self, session: str, call: Callable[..., object]) -> None:
        self.session = session
        self.call = call
        self.ended: int | None = None
        self._have: dict[str, int] = {}
        self._renditions: dict[str, RenderedSubject] = {}
        self._dirty: set[str] = set()
        self._asked: set[str] = set()
        self._news = asyncio.Event()
        self._refusals: list[str] = []

    # In the viewer's thread

    def ask(self, subjects: set[str], since: Mapping[str, int]) -> None:
        """Watch these from now on, and no others; `since`: what it has of them."""
        self._asked = subjects
        self._have = {n: seq for n, seq in {**self._have, **since}.items() if n in subjects}
        self._renditions = {n: one for n, one in self._renditions.items() if n in subjects}
        self._dirty &= subjects

    def news(self) -> list[str]:
        """The messages it has not got yet; they count as given."""
        dirty, self._dirty = self._dirty, set()
        found, self._refusals = self._refusals, []
        for subject in sorted(dirty):
            rendition = self._renditions.get(subject)
            if rendition and (state := rendition.state):
                found += state.since(self._have.get(subject))
                self._have[subject] = state.seq
        self._news.clear()
        return found

    async def wait(self, seconds: float) -> None:
        """Until there may be news, or the end, or so many seconds have passed."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    # Called by the feed, through `call`

    def show(self, renditions: Mapping[str, RenderedSubject]) -> None:
        """It may see these."""
        wanted = {name: one for name, one in renditions.items() if name in self._asked}
        self._renditions |= wanted
        self.mark_dirty(wanted)

    def refuse(self, subjects: set[str]) -> None:
        for subject in sorted(subjects & self._asked):
            self._renditions.pop(subject, None)
            self._have.pop(subject, None)
            self._refusals.append(json.dumps({"subject": subject, "kind": "refused"}))
        self._news.set()

    def mark_dirty(self, subjects: Collection[str]) -> None:
        """There is something new of these."""
        self._dirty.update(subjects)
        self._news.set()

    def end(self, code: int) -> None:
        self.ended = code
        self._news.set()
