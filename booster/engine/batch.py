"""A window of plays on the wire, and the outcomes that a play can have."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from booster.engine import Window


class Outcome(Enum):
    COUNTED = "counted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNCERTAIN = "uncertain"


class Batch:
    """A window on the wire. The wire counts `left` down; good answers are what nobody else took."""

    __slots__ = ("end", "ended", "expires", "good", "left", "next", "other", "statuses", "window")

    def __init__(self, window: Window) -> None:
        if window.count < 1:
            raise ValueError(f"an empty window: {window}")
        self.window = window
        self.next = window.first
        self.end = window.first + window.count
        self.expires = window.expires
        self.left = window.count
        self.other = dict.fromkeys(Outcome, 0)  # plays that ended on the careful path
        self.statuses: dict[int, int] = {}
        self.good = 0  # status of those that ended on the hot path
        self.ended = False
