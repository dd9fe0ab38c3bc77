"""What staff do with a site: verify it, let an order probe it, try it with one unsold play."""

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from booster import retry, sites, tasks
from booster.delivery.paused_orders import resume_paused_orders
from booster.exceptions import SiteError
from booster.net.address import Origin, ProvedTarget
from booster.ownership import verification
from booster.sites.base import SiteAdapter
from booster.sites.trial import Trial, try_once
from core.models import (
    Order,
    OrderError,
    Site,
    SiteLook,
    Status,
    User,
    open_breaker_of,
    probe_now,
)
from core.models.transitions import SOONEST
from core.ordering import looks
from core.ordering.quote import VIDEO_BUSY
from core.reasons import Reason, ReasonOrText, reason_of


def verify(site: Site, actor: User | None) -> ReasonOrText:
    """Orders that waited for it go on. Returns why it is not proved, "" if it is."""
    check = verification.verify(site, actor)
    SiteLook.objects.forget_failures(site)
    probe_now({site.pk})
    if site.verified:
        tasks.wake_on_commit(resume_paused_orders(site, actor))
    return reason_of(check)


def probe_site(site: Site) -> bool:
    """Let one order try now whether a site that seemed down takes plays; if so, all go on. Returns
    False if the site does not seem down."""
    if open_breaker_of(site) is None:
        return False
    probe_now({site.pk})
    waiting = Order.objects.waiting_for(site, retry.WAITING.upper_bound)
    first = waiting.order_by("due").values_list("pk", flat=True).first()
    if first is not None and waiting.filter(pk=first).update(due=SOONEST):
        tasks.wake_on_commit([first])
    return True


def follow_week(site: Site) -> None:
    """Its quiet hours, clock or load profile changed: orders that wait because of the old ones look
    again. Orders that failed keep their time."""
    waiting = Order.objects.filter(site=site, status__in=(Status.PENDING, Status.RUNNING))
    waiting.filter(lease_until=None, attempts=0, due__gt=Now()).update(due=SOONEST)


def try_site(site: Site, url: str) -> Trial:
    """Send one play that nobody bought. Raises OrderError if it may not be sent there, or if an
    open order would count it as its own."""
    target, adapter, path = _proved(site, url)
    if Order.objects.open_on(site, adapter.video_id(path)).exists():
        raise OrderError(VIDEO_BUSY)
    return try_once(target, adapter, path, f"trial-{site.pk}-{timezone.now():%Y%m%d%H%M%S%f}")


def read_site(site: Site, url: str) -> Trial:
    """Read a video's counter at a site that shows our token. Raises OrderError."""
    target, adapter, path = _proved(site, url)
    with looks.count_reading(site, adapter.video_id(path)):
        return try_once(target, adapter, path, None)


def _proved(site: Site, url: str) -> tuple[ProvedTarget, SiteAdapter, str]:
    """Target, adapter and path of the address. Raises OrderError if nothing may be sent there."""
    if not site.verified:
        raise OrderError(_("The site is not verified; plays may not be sent there yet."))
    try:
        path = Origin.parse(site.origin).path_of(url.strip())
        adapter = sites.adapter(site.adapter, site.recipe, site.secrets)
        adapter.video_id(path)
        return verification.proved_target(site), adapter, path
    except SiteError as error:
        raise OrderError(Reason.of_error(error)) from None
