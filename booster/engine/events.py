"""What a channel (channel.py) reports to the round's thread: one queue for all channels."""

from dataclasses import dataclass
from queue import SimpleQueue

from booster.engine.batch import Tally, Window
from booster.exceptions import SiteError
from booster.net.call import Response


@dataclass(frozen=True, slots=True)
class WindowEnded:
    """Every play of the window has ended; once for each window."""

    key: int
    window: Window
    tally: Tally


@dataclass(frozen=True, slots=True)
class OrderStopped:
    """The order stopped itself: nothing more of it is sent. Reported after its last WindowEnded; a
    window that is sent later comes back unsent."""

    key: int
    stopped: str  # "refused" | "unavailable" | "expired"
    reason: SiteError
    retry_after: float | None  # seconds the site asked for last, if it did


@dataclass(frozen=True, slots=True)
class Fetched:
    key: int
    result: Response | SiteError
    asked: float  # time.monotonic() before the first byte of the call left ...
    answered: float  # ... and when all was there


Event = WindowEnded | OrderStopped | Fetched | BaseException
"""An exception is a mistake of our own on the wire; whom it hit cannot be told."""

Events = SimpleQueue[Event]
