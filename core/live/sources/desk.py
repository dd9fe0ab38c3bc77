"""The home page and the board as they are watched: "board", and "dashboard:<part>" for each part.

Looking costs the same for one viewer and for many, and takes place every few seconds only.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from core import live
from core.live.source import Asked, Audience, Authorized
from core.models import FLOW
from core.pages.dashboard import board, home
from core.permissions import Right, may
from core.reports import rollups

LOOK_SECONDS = 3.0


class TimedCache:
    """Remembers what a look found, for a few seconds. One a source: the feed's thread asks."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, Any]] = {}

    def look(self, name: str, look: Callable[[], Any]) -> Any:
        when, found = self._found.get(name, (0.0, None))
        if found is None or time.monotonic() - when > LOOK_SECONDS:
            found = look()
            self._found[name] = (time.monotonic(), found)
        return found


class BoardSource(live.StaffSource):
    prefix = "board"
    right = Right.SEE_ORDERS

    def __init__(self) -> None:
        self.cache = TimedCache()

    def versions(self, keys: Sequence[str]) -> Mapping[str, Hashable | dict[str, Any]]:
        return dict.fromkeys(keys, tuple(self._standing().items()))

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return dict.fromkeys(keys, self._standing())

    def _standing(self) -> dict[Any, tuple[int, int]]:
        def look() -> dict[Any, tuple[int, int]]:
            try:
                return board.look()
            except rollups.NotCountedYetError:
                return {}

        found: dict[Any, tuple[int, int]] = self.cache.look("board", look)
        return found

    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]:
        return {str(status.value): board.words(status, loaded) for status in FLOW if loaded}


class DashboardSource(live.Source):
    """Each part for who may see the model behind it."""

    prefix = "dashboard"

    def __init__(self) -> None:
        self.cache = TimedCache()
        self.parts = {part.name: part for part in home.PARTS}

    def authorize(self, asked: Asked) -> Authorized:
        return {
            (user.pk, key): Audience.STAFF
            for user, key in asked
            if key in self.parts and may(user, self.parts[key].right)
        }

    def versions(self, keys: Sequence[str]) -> Mapping[str, Hashable | dict[str, Any]]:
        return {key: self._figures(key) for key in keys}

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return {key: (self.parts[key], self._figures(key)) for key in keys}

    def _figures(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cache.look(key, self.parts[key].look)
        return found

    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]:
        part, figures = loaded
        return {"html": part.rendered(figures)}


live.register(BoardSource())
live.register(DashboardSource())
