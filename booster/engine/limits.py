"""What a site is asked to bear, how long we wait for it, and what it was found to bear."""

from dataclasses import dataclass

from booster.net.play import MAX_ANSWER
from booster.retry import BUSY_SECONDS


@dataclass(frozen=True, slots=True)
class Limits:
    """The ceilings of one site in this process. Seconds and bytes."""

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
    """What a site was found to bear; None: no limit was met."""

    rate: float | None = None  # plays a second
    connections: int | None = None  # plays at once
