"""A timer of the wire: set once, however many want it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from booster.engine.wire import Wire

SHORTEST_TIMER = 0.002  # seconds


class Alarm:
    """`ring` is called in the wire's thread, with the moment."""

    __slots__ = ("_ring", "_timer", "_wire")

    def __init__(self, wire: Wire, ring: Callable[[float], object]) -> None:
        self._wire = wire
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        return self._timer is not None

    def set(self, wait: float) -> None:
        """In so many seconds, unless it rings before."""
        if self._timer is None:
            self._timer = self._wire.loop.call_later(max(SHORTEST_TIMER, wait), self._go_off)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_off(self) -> None:
        self._timer = None
        self._ring(monotonic())
