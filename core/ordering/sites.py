"""What staff do with a site: verify it now, and try it with one play that nobody bought."""

from django.utils import timezone
from django.utils.translation import gettext as _

from booster import sites, tasks
from booster.exceptions import SiteError
from booster.net.address import Origin
from booster.ownership import verification
from booster.sites.trial import Trial, try_once
from core.models import Order, OrderError, Site, User, VideoBusyError, breaker_of
from core.ordering.quote import busy_error
from core.reasons import Reason, ReasonOrText, reason_of


def verify(site: Site, actor: User | None) -> ReasonOrText:
    """Check a site now and let the orders go on that waited for it. Returns why it is not proved,
    "" where it is."""
    check = verification.verify(site, actor)
    if breaker := breaker_of(site):
        breaker.probe_now()
    if site.verified:
        for order_id in verification.resume_paused_orders(site, actor):
            tasks.wake(order_id)
    return reason_of(check)


def try_site(site: Site, url: str) -> Trial:
    """Send one play that nobody bought to a video of a site that proves to be ours.

    Raises OrderError when it may not be sent there, and where an open order would take the play
    for one of its own.
    """
    if not site.verified:
        raise OrderError(_("The site is not verified; plays may not go there yet."))
    try:
        path = Origin.parse(site.origin).path_of(url.strip())
        adapter = sites.adapter(site.adapter, site.recipe)
        video_id = adapter.video_id(path)
        verification.confirm(site)
        target = verification.target_of(site)
    except SiteError as error:
        raise OrderError(Reason.of_error(error)) from None
    if Order.objects.open_on(site, video_id).exists():
        raise VideoBusyError(busy_error())
    return try_once(target, adapter, path, f"trial-{site.pk}-{timezone.now():%Y%m%d%H%M%S%f}")
