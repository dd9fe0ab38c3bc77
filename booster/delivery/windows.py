"""The windows of one order: the next one's size, those in flight, and the order of writing."""

import time
from collections import deque
from dataclasses import dataclass, replace

from booster.engine import Tally, Window

# A window is what a crash can leave unknown, so it is short in time; the first is a guess.
WINDOW_SECONDS = 0.5
FIRST_WINDOW = 100
LARGEST_WINDOW = 20_000
# One window is on its way while the next is being reserved.
MOST_WINDOWS = 2


@dataclass(slots=True)
class Flight:
    """`tally`: how the window ended, once it has."""

    window: Window
    since: float
    tally: Tally | None = None


class Windows:
    """`reserved`: to be sent once written. `size`: of the next one. `expires`: of the lease."""

    def __init__(self) -> None:
        self.reserved: Window | None = None
        self.size = FIRST_WINDOW
        self._flights: deque[Flight] = deque()  # as they were reserved
        self._told = 0.0  # the lease's end that the channel knows of

    def __len__(self) -> int:
        """Those in flight, and those that ended before one that was reserved earlier."""
        return len(self._flights)

    @property
    def are_enough(self) -> bool:
        return len(self) + bool(self.reserved) >= MOST_WINDOWS

    def take_reserved(self, expires: float) -> Window | None:
        """The reserved window, as it may be sent now; it is in flight then."""
        window, self.reserved = self.reserved, None
        if window is None:
            return None
        window = replace(window, expires=expires)
        self._flights.append(Flight(window, time.monotonic()))
        self._told = expires
        return window

    def take_renewal(self, expires: float) -> bool:
        """Whether they may go out for longer by now than the channel was told."""
        if not self._flights or expires == self._told:
            return False
        self._told = expires
        return True

    def end(self, window: Window, tally: Tally) -> list[Tally] | None:
        """Returns what may be written down by now, in the order of reserving: after a crash the
        last numbers are those of unknown fate. None where it was dropped, or had ended, before."""
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
        """Forget them all; how many plays were in flight."""
        plays = sum(flight.window.count for flight in self._flights if flight.tally is None)
        self._flights.clear()
        self.reserved = None
        return plays
