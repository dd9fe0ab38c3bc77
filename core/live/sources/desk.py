"""The live home page and board: "dashboard:<part>" and "board".

Reading costs the same for any number of viewers and happens every few seconds; money is read after
each commit, so that it is never older than the page. Plain figures are their own versions.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from core import live
from core.db.versions import rows_version
from core.live.source import Asked, Audience, Authorized
from core.pages.dashboard import board, home
from core.permissions import Right, may
from core.reports import dashboard, rollups
from core.reports.dashboard import StatusCount

KEPT_SECONDS = 3.0


class TimedCache:
    """Keeps figures for KEPT_SECONDS. One for each source; not shared between threads."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Hashable, Any]] = {}

    def get(self, name: str, read: Callable[[], Any], version: Hashable = None) -> Any:
        """What `read` returned; reads again if that is too old or of another version."""
        if name in self._kept:
            when, of, figures = self._kept[name]
            if of == version and time.monotonic() - when <= KEPT_SECONDS:
                return figures
        figures = read()
        self._kept[name] = (time.monotonic(), version, figures)
        return figures


class BoardSource(live.StaffSource):
    prefix = "board"
    right = Right.SEE_ORDERS

    def __init__(self) -> None:
        self.cache = TimedCache()

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return dict.fromkeys(keys, self.cache.get("board", counts))

    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]:
        return {str(count.status.value): board.describe(count) for count in loaded}


def counts() -> tuple[StatusCount, ...]:
    """Empty until they are counted."""
    try:
        return dashboard.orders_by_status()
    except rollups.NotCountedYetError:
        return ()


class DashboardSource(live.Source):
    """Each part is for those who may see the model behind it."""

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

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return {key: (self.parts[key], self._figures(key)) for key in keys}

    def _figures(self, key: str) -> Any:
        part = self.parts[key]
        return self.cache.get(key, part.figures, rows_version() if part.is_money else None)

    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]:
        part, figures = loaded
        return {"html": part.render(figures)}


live.register(BoardSource())
live.register(DashboardSource())
