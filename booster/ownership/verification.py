"""Does this site still say it is ours? Law 4, with every look written down as a SiteCheck.

The network comes first and the transaction after it: no call is made while rows are locked.
"""

import threading
import time
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from booster import sites
from booster.exceptions import OwnershipError, PermanentError, SiteError, TemporaryError
from booster.net.address import Origin, Target, resolve
from booster.net.client import SiteClient
from booster.ownership.tokens import file_path, prove
from core.models import Order, Site, SiteCheck, Status, User
from core.reasons import Code, Reason

KEEP_SECONDS = 3.0
_kept = threading.local()


def target_of(site: Site) -> Target:
    """The site's address, looked up once for all that follows."""
    return resolve(Origin.parse(site.origin), allowed=settings.PRIVATE_SITES)


def client_of(site: Site) -> SiteClient:
    """A connection to the site, kept by this thread for as long as sites keep theirs open: many
    small orders on one site would otherwise spend their time connecting."""
    kept: dict[str, tuple[float, SiteClient]] = _kept.__dict__
    until, client = kept.get(site.origin, (0.0, None))
    if client and time.monotonic() < until:
        return client
    if client:
        client.close()
    client = SiteClient(target_of(site))
    kept[site.origin] = time.monotonic() + KEEP_SECONDS, client
    return client


def verify(site: Site, actor: User | None = None) -> SiteCheck:
    """Look for the token now and record what was found. Raises nothing of the site's."""
    check, _error = _look(site, actor)
    return check


def ping(site: Site) -> None:
    """Ask whether the site is there at all, whatever it says. Raises TemporaryError when not."""
    with suppress(PermanentError):
        client_of(site).get(file_path(site.token))


def confirm(site: Site, max_age: timedelta = timedelta(0)) -> bool:
    """Ensure that the site still shows our token. Returns whether it had to be asked, because its
    last proof is older than `max_age`.

    Raises OwnershipError when it does not show it, TemporaryError when it cannot be reached.
    """
    now = timezone.now()
    if site.verified and site.verified_at and now - max_age <= site.verified_at <= now:
        return False
    _check, error = _look(site)
    if isinstance(error, TemporaryError):
        raise TemporaryError.of(error)
    if error:
        raise OwnershipError.of(error)
    return True


def _look(site: Site, actor: User | None = None) -> tuple[SiteCheck, SiteError | None]:
    """The look as it was recorded, and why it did not prove the site."""
    try:
        method = prove(client_of(site), site.token)
    except (TemporaryError, PermanentError) as error:
        unreachable = isinstance(error, TemporaryError)
        outcome = SiteCheck.Outcome.UNREACHABLE if unreachable else SiteCheck.Outcome.LOST
        return site.record_check(outcome, reason=Reason.of_error(error), actor=actor), error
    return site.record_check(SiteCheck.Outcome.PROVED, method=method, actor=actor), None


def resume_held_orders(site: Site, actor: User | None = None) -> list[int]:
    """Let the orders go on that waited for this site's token; their ids, for the wake-up."""
    resumed = []
    for order in Order.objects.filter(site=site, status=Status.PAUSED, held_by_site=True):
        order.resume(actor, Reason.of(Code.TOKEN_SHOWN_AGAIN))
        resumed.append(order.pk)
    return resumed


def views_of(site: Site, video_id: str) -> int:
    """The counter of one video, read now. Raises SiteError."""
    return sites.adapter(site.adapter, site.recipe).read_count(client_of(site), video_id)
