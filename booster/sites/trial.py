"""Trying a site before it is sold: read the counter, send one play, see whether the counter moves.

Law 3 in small: what the site answers to the play proves nothing, its counter does.
"""

import time
from dataclasses import dataclass

from booster.exceptions import SiteCode, SiteError
from booster.net.address import ProvedTarget
from booster.net.client import Exchange, SiteClient
from booster.sites.base import SiteAdapter

POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Trial:
    verdict: SiteError  # a code and its parameters
    before: int | None = None  # the counter; None when it could not be read
    moved: int | None = None  # how far it moved since; None when it was not read again
    exchanges: tuple[Exchange, ...] = ()  # every call as it went over the wire
    reads_only: bool = False  # no play was sent

    @property
    def after(self) -> int | None:
        return None if self.before is None or self.moved is None else self.before + self.moved

    @property
    def passed(self) -> bool:
        """The counter moved by exactly the one play, or could be read where none was sent."""
        return self.before is not None if self.reads_only else self.moved == 1


def try_once(
    target: ProvedTarget, adapter: SiteAdapter, url_path: str, oid: str | None, *, wait: float = 5.0
) -> Trial:
    """One play of the video at `url_path`, under an order number of its own (`oid`); None: only its
    counter is read. The counter has `wait` seconds, or the shorter time of the site's kind, to show
    the play. Raises no SiteError: the verdict says it."""
    exchanges: list[Exchange] = []
    before = moved = None
    try:
        with SiteClient(target, exchanges=exchanges) as client:
            video = adapter.video_id(url_path)
            if oid is None:
                before = adapter.read_count(client, video)
                verdict = SiteError(SiteCode.TRIAL_READ, number=before)
            else:
                adapter = adapter.prepared(client, video)
                before = adapter.read_count(client, video)
                status = client.send(adapter.play(video, oid).numbered(1)).status
                moved = _watch(client, adapter, video, before, min(wait, adapter.settle_seconds))
                verdict = _verdict(moved, adapter.settle_seconds)
                if status not in adapter.counted:
                    verdict = SiteError(SiteCode.TRIAL_REFUSED, status=status)
    except SiteError as error:
        verdict = adapter.masked(error)
    masked = tuple(adapter.mask_exchange(exchange) for exchange in exchanges)
    return Trial(verdict, before, moved, masked, reads_only=oid is None)


def _watch(
    client: SiteClient, adapter: SiteAdapter, video: str, before: int, seconds: float
) -> int:
    end = time.monotonic() + seconds
    while True:
        moved = adapter.read_count(client, video) - before
        if moved or time.monotonic() >= end:
            return moved
        time.sleep(POLL_SECONDS)


def _verdict(moved: int, seconds: float) -> SiteError:
    if moved == 0:
        return SiteError(SiteCode.TRIAL_NOT_COUNTED_YET, seconds=seconds)
    if moved == 1:
        return SiteError(SiteCode.TRIAL_COUNTED)
    return SiteError(SiteCode.TRIAL_COUNTED_WITH_OTHERS, moved=moved)
