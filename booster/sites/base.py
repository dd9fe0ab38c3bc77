"""What every kind of site is asked: which video, how many views, what one play looks like.

An adapter is one small class of plain values: it never sees a model, opens no connection and keeps
no state. The engine sends what `play()` and `count_call()` describe; the counter that `count_of()`
reads in the answer is what proves a play (law 3: a play is proved, not assumed).
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from booster.exceptions import PermanentError, SiteCode, SiteError
from booster.net.address import Origin
from booster.net.call import Call, Response
from booster.net.client import Exchange, SiteClient
from booster.net.play import PlayRequest
from booster.sites.extraction import is_count
from booster.sites.session import Preparing, Session

_OID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class Seen:
    views: int
    title: str = ""  # "" where the site does not say


class SiteAdapter(ABC):
    """One kind of site. A kind says the first part itself; of the rest it says what differs."""

    slug: ClassVar[str]
    label: ClassVar[str]
    notes: ClassVar[str] = ""  # what the site's operator must know or set, for staff to read
    counted: frozenset[int]  # the statuses that mean "received"
    idempotent: bool  # a play sent again is counted once, for as long as an order runs
    settle_seconds: float  # how long the counter may lag behind the plays
    play_origin: Origin | None = None  # where plays go; None: the site's own
    # Whether a look at the counter moves it; None: that is the site's own, and found out there.
    counts_readings: ClassVar[bool | None] = None

    @abstractmethod
    def video_id(self, url_path: str) -> str:
        """The video in an address (path and query). PermanentError: "not a video address"."""

    @abstractmethod
    def play(self, video_id: str, oid: str) -> PlayRequest:
        """What each play of order `oid` looks like. ValueError: an oid that cannot be sent."""

    @abstractmethod
    def count_call(self, video_id: str) -> Call:
        """For the video's views."""

    @abstractmethod
    def count_of(self, response: Response, video_id: str) -> int:
        """The views that the answer to `count_call()` shows. PermanentError: it shows none, or
        there is no such video."""

    def title_of(self, response: Response) -> str:
        """What the same answer calls the video; "" where it does not say."""
        return ""

    # Sites that want to be asked for a token or a login first; most do not.

    reads_in_session: ClassVar[bool] = False  # the counter, too, is read only after that

    def preparing(self, video_id: str) -> Preparing | None:
        """What is to be asked before the first play, once for all plays of a session. None:
        nothing, or it has been."""
        return None

    def session_key(self, video_id: str) -> object:
        """Videos with the same key may share a session."""
        return None

    def in_session(self, session: Session) -> "SiteAdapter":
        return self

    # Where no round does the asking: for quotes, trials and calibrations.

    def read_count(self, client: SiteClient, video_id: str) -> int:
        """PermanentError: no such video; TemporaryError."""
        return self.read_video(client, video_id).views

    def read_video(self, client: SiteClient, video_id: str) -> Seen:
        adapter = self.prepared(client, video_id) if self.reads_in_session else self
        try:
            answer = client.fetch(adapter.count_call(video_id))
            return Seen(adapter.count_of(answer, video_id), adapter.title_of(answer))
        except SiteError as error:
            raise adapter.masked(error) from None

    def prepared(self, client: SiteClient, video_id: str) -> "SiteAdapter":
        """This adapter, ready for plays: what is to be asked before is asked now. SiteError."""
        preparing = self.preparing(video_id)
        if preparing is None:
            return self
        try:
            while (call := preparing.call) is not None:
                preparing.take(client.fetch(call))
        except SiteError as error:
            raise preparing.masked(error) from None
        return self.in_session(preparing.session)

    def mask_exchange(self, exchange: Exchange) -> Exchange:
        answer = exchange.answer
        return Exchange(
            self.mask(exchange.request),
            self.mask(answer) if isinstance(answer, str) else self.masked(answer),
            self.mask(exchange.refused),
        )

    def mask(self, text: str) -> str:
        """A text of the site's, or for it, as people may read it: without secrets."""
        return text

    def masked(self, error: SiteError) -> SiteError:
        return error


def check_oid(oid: str) -> str:
    """The order number, if it may stand in a header, a path or a JSON string as it is."""
    if not _OID.fullmatch(oid):
        raise ValueError(f"not an order number to send: {oid[:80]!r}")
    return oid


def view_count(response: Response) -> int:
    """The whole number that a JSON answer calls "views". PermanentError when there is none."""
    data = response.json()
    views = data.get("views") if isinstance(data, dict) else None
    if not is_count(views):
        raise PermanentError(SiteCode.NO_VIEW_COUNT, path="views")
    return views


def json_title(response: Response, *keys: str) -> str:
    """The first of these texts of a JSON answer, on one line; "" when it has none."""
    data = response.json()
    found = (data.get(key) for key in keys) if isinstance(data, dict) else ()
    return next((one_line(text) for text in found if isinstance(text, str)), "")


def one_line(text: str) -> str:
    words = "".join(sign if sign.isprintable() else " " for sign in text).split()
    return " ".join(words)[:MAX_TITLE]


def not_a_video(url_path: str, expected: str) -> PermanentError:
    return PermanentError(SiteCode.NOT_A_VIDEO, path=url_path[:200], expected=expected)


def no_such_video(video_id: str) -> PermanentError:
    return PermanentError(SiteCode.NO_SUCH_VIDEO, video=video_id, status=404)
