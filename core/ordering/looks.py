"""Looks at a site for a quote. A customer who types, or a program that floods, costs a site few
calls: findings are kept for seconds, failures for half a minute, a site gets one look at a time,
and a person has a number of looks per minute. All processes share this (core/models/looks.py)."""

import time
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from django.conf import settings

from booster import sites
from booster.exceptions import (
    AddressRefusedError,
    OwnershipError,
    PermanentError,
    SiteCode,
    SiteError,
    TemporaryError,
)
from booster.ownership import verification
from booster.sites.base import Seen
from core.models import LookAllowance, OrderError, Site, SiteLook, User
from core.models.looks import WHOLE_SITE
from core.reasons import Code, Reason

FOUND = timedelta(seconds=3)
FAILED = timedelta(seconds=30)
# So long a caller waits for another look to end.
WAIT_SECONDS = 3.0
POLL_SECONDS = 0.05
# A look makes up to five calls of five seconds, and looks up four names.
LEASE = timedelta(seconds=60)

ERRORS: dict[str, type[SiteError]] = {
    kind.__name__: kind
    for kind in (AddressRefusedError, OwnershipError, PermanentError, SiteError, TemporaryError)
}


class LookRefusedError(OrderError):
    """There was no look; the reason may be shown to the person who asked."""

    reason: Reason


def video_of(site: Site, video_id: str, asker: User | None = None) -> Seen:
    """A video as the site shows it, now or a moment ago. `asker`: the user whose looks are counted;
    None for a command.

    Raises SiteError, now or from a moment ago, and LookRefusedError if the asker had too many or
    others keep the site busy."""
    given_up = time.monotonic() + WAIT_SECONDS
    is_counted = False
    while (known := recall(site, video_id)) is None:
        if not is_counted:
            count_look(asker)
            is_counted = True
        if SiteLook.objects.begin(site, LEASE):
            try:
                # Somebody may have looked meanwhile.
                known = recall(site, video_id)
                return look_now(site, video_id) if known is None else answer_of(known)
            finally:
                SiteLook.objects.end(site)
        if time.monotonic() >= given_up:
            raise LookRefusedError(Reason.of(Code.SITE_ASKED_NOW))
        time.sleep(POLL_SECONDS)
    return answer_of(known)


def recall(site: Site, video_id: str) -> SiteLook | None:
    return SiteLook.objects.recall(site, video_id, found=FOUND, failed=FAILED)


def count_look(asker: User | None) -> None:
    """Raises LookRefusedError if the asker has none left this minute."""
    if asker and (seconds := LookAllowance.objects.take(asker, settings.QUOTES_PER_MINUTE)):
        raise LookRefusedError(Reason.of(Code.QUOTES_TOO_MANY, seconds=seconds))


def look_now(site: Site, video_id: str) -> Seen:
    """Ask the site for its token and, at the address that shows it, for the video."""
    blamed = WHOLE_SITE  # the part a failure is blamed on: the site, until it has shown its token
    try:
        target = verification.proved_target(site, verification.FRESH)
        blamed = video_id
        with count_reading(site, video_id):
            seen = verification.read_video(site, target, video_id)
    except SiteError as error:
        kind = type(error).__name__
        SiteLook.objects.remember(site, blamed, error=Reason.of_error(error), kind=kind)
        raise
    SiteLook.objects.remember(site, video_id, views=seen.views, title=seen.title)
    return seen


def count_reading(site: Site, video_id: str) -> AbstractContextManager[None]:
    """If a reading may raise the counter, an order of the video subtracts this one."""
    known = sites.counts_readings(site.adapter, site.counts_readings)
    return nullcontext() if known is False else SiteLook.objects.counted(site, video_id)


def answer_of(look: SiteLook) -> Seen:
    """Return or raise again what was found a moment ago."""
    if look.views is not None:
        return Seen(look.views, look.title)
    if look.error_kind not in ERRORS or look.reason_code not in {*SiteCode}:  # of another release
        raise LookRefusedError(Reason.of(Code.SITE_ASKED_NOW))
    raise ERRORS[look.error_kind](SiteCode(look.reason_code), **look.reason_params or {})
