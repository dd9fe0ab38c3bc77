"""One viewer: a socket, or one poll. It lives in the thread of its event loop; the feed's thread
reaches it only by `call_in_loop`.

There is no queue. A viewer knows the last number it was given and takes newer changes when it has
room. A slow one finds many and gets the snapshot if that is shorter, so a reader that stands still
costs no memory.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True, slots=True)
class State:
    """What a subject says, and the changes that led there up to number `seq`. Never changed, only
    replaced: the feed's thread makes it, the viewers' threads read it."""

    seq: int
    snapshot: str
    changes: tuple[str, ...] = ()

    def since(self, seq: int | None) -> tuple[str, ...]:
        """Messages for somebody who has `seq`; None: who has nothing."""
        if seq == self.seq:
            return ()
        if seq is not None and 0 < self.seq - seq <= len(self.changes):
            newer = self.changes[seq - self.seq :]
            if sum(map(len, newer)) < len(self.snapshot):
                return newer
        return (self.snapshot,)


class CloseCode(IntEnum):
    """Why a viewer ends, as the code that closes its socket."""

    SIGNED_OUT = 4401
    TOO_MANY = 4429
    NOT_UNDERSTOOD = 4400
    SILENT = 4408
    STALLED = 1000  # the reader took nothing
    STOPPING = 1012
    GONE = 1001  # the viewer itself went away: nobody is told


class Viewer:
    """`call_in_loop` is the event loop's call_soon_threadsafe."""

    def __init__(self, session: str, call_in_loop: Callable[..., object]) -> None:
        self.session = session
        self.call_in_loop = call_in_loop
        self.ended: CloseCode | None = None
        self._wanted: set[str] = set()
        self._given: dict[str, int] = {}
        self._states: dict[str, State] = {}  # not given yet
        self._refusals: list[str] = []
        self._changed = asyncio.Event()

    # In the viewer's thread

    def watch(self, subjects: set[str], since: Mapping[str, int]) -> None:
        """Watch only these from now on; `since`: the numbers it has."""
        self._wanted = subjects
        given = {**self._given, **since}
        self._given = {name: seq for name, seq in given.items() if name in subjects}
        self._states = {name: state for name, state in self._states.items() if name in subjects}

    def take_messages(self) -> list[str]:
        """Messages it has not got yet; they count as given."""
        messages, self._refusals = self._refusals, []
        states, self._states = self._states, {}
        for name, state in sorted(states.items()):
            messages += state.since(self._given.get(name))
            self._given[name] = state.seq
        self._changed.clear()
        return messages

    def wake(self) -> None:
        self._changed.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for messages or the end; False if so many seconds have passed."""
        try:
            async with asyncio.timeout(seconds):
                return await self._changed.wait()
        except TimeoutError:
            return False

    # Called by the feed, through `call_in_loop`

    def update(self, states: Mapping[str, State]) -> None:
        """It may see these, and this is what they say now."""
        self._states |= {name: state for name, state in states.items() if name in self._wanted}
        self._changed.set()

    def refuse(self, subjects: set[str]) -> None:
        for name in sorted(subjects & self._wanted):
            self._states.pop(name, None)
            self._given.pop(name, None)
            self._refusals.append(json.dumps({"subject": name, "kind": "refused"}))
        self._changed.set()

    def end(self, code: CloseCode) -> None:
        self.ended = code
        self._changed.set()
