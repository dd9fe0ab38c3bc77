"""The windows of one order on the wire: how many plays the next one has, and in which order those
that end are written down."""

import time
from collections import deque
from dataclasses import dataclass

from booster.engine import Tally, Window

# A window is what a crash can leave unknown, so it is short in time; the first is a guess.
WINDOW_SECONDS = 0.5
FIRST_WINDOW = 100
LARGEST_WINDOW = 20_000


@dataclass(slots=True)
class Flight:
    """A window on the wire, since when, and how it ended, once it has."""

    window: Window
    since: float
    tally: Tally | None = None


class Windows:
    """`size`: of the next one."""

    def __init__(self) -> None:
        self.size = FIRST_WINDOW
        self._flights: deque[Flight] = deque()  # as they were reserved

    def __len__(self) -> int:
        """Those on the wire, and those that ended before one that was reserved earlier."""
        return len(self._flights)

    def add(self, window: Window) -> None:
        self._flights.append(Flight(window, time.monotonic()))

    def end(self, window: Window, tally: Tally) -> list[Tally] | None:
        """A window has ended. Returns what may be written down by now, as the windows were
        reserved: after a crash the last numbers are those of unknown fate. None for a window that
        was dropped, or had ended before."""
        ended = next((one for one in self._flights if one.window is window), None)
        if ended is None or ended.tally is not None:
            return None
        ended.tally = tally
        speed = window.count / max(time.monotonic() - ended.since, 0.001)
        self.size = max(1, min(int(speed * WINDOW_SECONDS) + 1, 2 * self.size, LARGEST_WINDOW))
        written = []
        while self._flights and (first := self._flights[0].tally) is not None:
            self._flights.popleft()
            written.append(first)
        return written

    def drop(self) -> int:
        """Forget them all; how many plays of them have not ended."""
        plays = sum(flight.window.count for flight in self._flights if flight.tally is None)
        self._flights.clear()
        return plays
