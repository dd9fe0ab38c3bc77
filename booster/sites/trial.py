"""Trying a site before it is sold: read the counter, send one play, see whether the counter moves.

Law 3 in small: what the site answers to the play proves nothing, its counter does.
"""

import time
from dataclasses import dataclass, field

from booster.exceptions import SiteCode, SiteError
from booster.net.address import ProvedTarget
from booster.net.client import Exchange, SiteClient
from booster.sites.base import SiteAdapter

POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: a code and its parameters, as an error has them. `exchanges`: every call as
    it went over the wire, the last readings too."""

    verdict: SiteError
    before: int | None = None  # the counter; None when it could not be read
    moved: int | None = None  # how far it moved since; None when it was not read again
    exchanges: tuple[Exchange, ...] = field(default=())
    reads_only: bool = False  # no play was sent

    @property
    def after(self) -> int | None:
        """The last reading of the counter."""
        return None if self.before is None or self.moved is None else self.before + self.moved

    @property
    def passed(self) -> bool:
        """The counter moved by exactly the one play, or could be read where none was sent."""
        return self.before is not None if self.reads_only else self.moved == 1


def try_once(
    target: ProvedTarget, adapter: SiteAdapter, url_path: str, oid: str, *, wait: float = 5.0
) -> Trial:
    """One play of the video at `url_path`, under an order number of its own (`oid`).

    The counter is given `wait` seconds, or less if the site's kind needs less, to show it. Raises
    nothing of the site's: the verdict says it.
    """
    exchanges: list[Exchange] = []
    before: int | None = None
    try:
        with SiteClient(target, exchanges=exchanges) as client:
            video = adapter.video_id(url_path)
            adapter = adapter.prepared(client, video)
            before = adapter.read_count(client, video)
            status, received = _send_one(client, adapter, video, oid)
            moved = _watch(client, adapter, video, before, min(wait, adapter.settle_seconds))
    except SiteError as error:
        return Trial(adapter.masked(error), before, None, _masked(exchanges, adapter))
    if received:
        verdict = _verdict(moved, adapter.settle_seconds)
    else:
        verdict = SiteError(SiteCode.TRIAL_REFUSED, status=status)
    return Trial(verdict, before, moved, _masked(exchanges, adapter))


def read_once(target: ProvedTarget, adapter: SiteAdapter, url_path: str) -> Trial:
    """The counter as it is read for an order, without a play. Raises nothing of the site's."""
    exchanges: list[Exchange] = []
    try:
        with SiteClient(target, exchanges=exchanges) as client:
            video = adapter.video_id(url_path)
            views = adapter.read_count(client, video)
    except SiteError as error:
        masked = _masked(exchanges, adapter)
        return Trial(adapter.masked(error), None, None, masked, reads_only=True)
    verdict = SiteError(SiteCode.TRIAL_READ, number=views)
    return Trial(verdict, views, None, _masked(exchanges, adapter), reads_only=True)


def _masked(exchanges: list[Exchange], adapter: SiteAdapter) -> tuple[Exchange, ...]:
    return tuple(adapter.mask_exchange(exchange) for exchange in exchanges)


def _send_one(client: SiteClient, adapter: SiteAdapter, video: str, oid: str) -> tuple[int, bool]:
    """The status, and whether it is one that means "received"."""
    play = adapter.play(video, oid).numbered(1)
    status = client.send(play).status
    return status, status in play.counted


def _watch(
    client: SiteClient, adapter: SiteAdapter, video: str, before: int, seconds: float
) -> int:
    """How far the counter moves, at the latest after these seconds."""
    end = time.monotonic() + seconds
    while True:
        moved = adapter.read_count(client, video) - before
        if moved or time.monotonic() >= end:
            return moved
        time.sleep(POLL_SECONDS)


def _verdict(moved: int, seconds: float) -> SiteError:
    """Of a play that was received."""
    if moved == 0:
        return SiteError(SiteCode.TRIAL_NOT_COUNTED_YET, seconds=seconds)
    if moved == 1:
        return SiteError(SiteCode.TRIAL_COUNTED)
    return SiteError(SiteCode.TRIAL_COUNTED_WITH_OTHERS, moved=moved)
