"""Trying a site before it is sold: read the counter, send one play, see whether the counter moves.

Law 3 in small: what the site answers to the play proves nothing, its counter does.
"""

import time
from dataclasses import dataclass

from booster.address import Target
from booster.client import ANY_ANSWER, Exchange, SiteClient
from booster.exceptions import SiteError
from booster.sites.base import SiteAdapter

POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `exchanges`: every call as it went over the wire, the last readings too."""

    verdict: str  # for staff
    moved: int | None  # how far the counter moved; None when it could not be read
    exchanges: tuple[Exchange, ...]

    @property
    def passed(self) -> bool:
        """The counter moved by exactly the one play."""
        return self.moved == 1


def try_once(
    target: Target, adapter: SiteAdapter, url_path: str, oid: str, *, wait: float = 5.0
) -> Trial:
    """One play of the video at `url_path`, under an order number of its own (`oid`).

    The counter is given `wait` seconds, or less if the site's kind needs less, to show it. Raises
    nothing of the site's: the verdict says it.
    """
    exchanges: list[Exchange] = []
    moved: int | None = None
    try:
        with SiteClient(target, exchanges=exchanges) as client:
            video = adapter.video_id(url_path)
            before = adapter.read_count(client, video)
            status, received = _send_one(client, adapter, video, oid)
            moved = _watch(client, adapter, video, before, min(wait, adapter.settle_seconds))
    except SiteError as error:
        return Trial(str(error), moved, tuple(exchanges))
    return Trial(_verdict(adapter, status, received, moved), moved, tuple(exchanges))


def _send_one(client: SiteClient, adapter: SiteAdapter, video: str, oid: str) -> tuple[int, bool]:
    """The status, and whether it is one that means "received"."""
    play = adapter.play(video, oid).numbered(1)
    answer = client.request(
        play.method, play.path, headers=dict(play.headers), body=play.body, accept=ANY_ANSWER
    )
    return answer.status, answer.status in play.counted


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


def _verdict(adapter: SiteAdapter, status: int, received: bool, moved: int) -> str:
    if not received:
        return f"The site answered {status} to the play, which does not count as received."
    if moved == 1:
        return "The counter moved by one."
    if moved == 0:
        return (
            "The site took the play, but its counter has not moved yet. "
            f"It may take up to {adapter.settle_seconds:g} seconds."
        )
    return f"The site took one play, but its counter moved by {moved}: others play there, too."
