"""What every kind of site is asked: which video, how many views, what one play looks like.

An adapter is one small class of plain values: it never sees a model, opens no connection of its
own and keeps no state. The engine sends what `play()` describes; the counter that `read_count()`
reads is what proves it (law 3: a play is proved, not assumed).
"""

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from booster.exceptions import PermanentError, SiteCode
from booster.net.client import Response, SiteClient
from booster.net.play import SEQUENCE, PlayRequest

__all__ = [
    "SEQUENCE",
    "PlayRequest",
    "SiteAdapter",
    "check_oid",
    "no_such_video",
    "not_a_video",
    "view_count",
]

MAX_COUNT = 2**63 - 1

_OID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SiteAdapter(ABC):
    """One kind of site."""

    slug: ClassVar[str]
    label: ClassVar[str]
    notes: ClassVar[str] = ""  # what the site's operator must know or set, for staff to read
    idempotent: ClassVar[bool]  # a play sent again is counted once, for as long as an order runs
    settle_seconds: ClassVar[float]  # how long the counter may lag behind the plays

    @abstractmethod
    def video_id(self, url_path: str) -> str:
        """The video in an address (path and query). PermanentError: "not a video address"."""

    @abstractmethod
    def read_count(self, client: SiteClient, video_id: str) -> int:
        """The views the site shows now. PermanentError: no such video; TemporaryError."""

    @abstractmethod
    def play(self, video_id: str, oid: str) -> PlayRequest:
        """What each play of order `oid` looks like. ValueError: an oid that cannot be sent."""


def check_oid(oid: str) -> str:
    """The order number, if it may stand in a header, a path or a JSON string as it is."""
    if not _OID.fullmatch(oid):
        raise ValueError(f"not an order number to send: {oid[:80]!r}")
    return oid


def view_count(response: Response, *keys: str) -> int:
    """The whole number at `keys` of a JSON answer. PermanentError when there is none."""
    value: Any = response.json()
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    # bool is an int to Python, and no counter.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
        raise PermanentError(SiteCode.NO_VIEW_COUNT, path=".".join(keys))
    return value


def not_a_video(url_path: str, expected: str) -> PermanentError:
    """For an address that leads to no video of this kind of site."""
    return PermanentError(SiteCode.NOT_A_VIDEO, path=url_path[:200], expected=expected)


def no_such_video(video_id: str) -> PermanentError:
    return PermanentError(SiteCode.NO_SUCH_VIDEO, video=video_id, status=404)
