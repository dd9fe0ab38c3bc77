"""What goes into a channel (channel.py) and what comes out of it: plain values."""

from dataclasses import dataclass, field
from queue import SimpleQueue

from booster.exceptions import SiteError
from booster.net.call import Response
from booster.net.play import MAX_ANSWER
from booster.retry import BUSY_SECONDS


@dataclass(frozen=True, slots=True)
class Limits:
    """What one site has to bear in this process, and how long it is waited for, in seconds."""

    connections: int = 64
    rate: float | None = None  # plays a second
    connect_timeout: float = 5.0
    first_byte_timeout: float = 10.0
    answer_timeout: float = 30.0
    busy_timeout: float = BUSY_SECONDS  # how long a site may answer "not now" to everything
    max_header_bytes: int = 65536
    max_body_bytes: int = MAX_ANSWER

    def __post_init__(self) -> None:
        if self.connections < 1:
            raise ValueError(f"not a number of connections: {self.connections}")
        if self.rate is not None and not self.rate > 0:
            raise ValueError(f"not a rate: {self.rate}")


@dataclass(frozen=True, slots=True)
class Learned:
    """What a site was found to bear; None: no limit was met. It goes into the next channel."""

    rate: float | None = None  # plays a second
    connections: int | None = None  # plays at once


@dataclass(frozen=True, slots=True)
class Window:
    """Plays numbered first .. first + count - 1."""

    first: int
    count: int  # at least 1
    expires: float  # time.monotonic() after which nothing more of it is sent (the lease)


# --- what comes out: one queue for all channels


@dataclass(slots=True)
class Tally:
    """How the plays of one window or of a run ended: each in exactly one of the four counts."""

    counted: int = 0  # answered with a counted status
    refused: int = 0  # answered, surely not counted (4xx, "not now", redirect)
    not_sent: int = 0  # no byte of it left
    uncertain: int = 0  # bytes left, no full answer; or an answer that proves nothing (5xx)
    statuses: dict[int, int] = field(default_factory=dict)  # of all answers, also to plays resent
    halted: bool = False  # the order has stopped: a window reserved now would come back unsent

    @property
    def ended(self) -> int:
        return self.counted + self.refused + self.not_sent + self.uncertain


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


# An exception is a mistake of our own on the wire; whom it hit cannot be told.
Event = WindowEnded | OrderStopped | Fetched | BaseException

Events = SimpleQueue[Event]
