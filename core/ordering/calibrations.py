"""Before a site is sold: a few plays that nobody bought show how it counts."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from booster import sites, tasks
from booster.exceptions import SiteError
from booster.net.address import Origin
from booster.ownership import verification
from core import money
from core.models import ApprovalLimit, Calibration, Customer, OrderError, Site, User
from core.models.approvals import requires_approval
from core.models.calibrations import start
from core.models.ledger import CustomerInactiveError, PostingRefusedError
from core.ordering.placing import OrderRefusedError
from core.ordering.quote import Quoter, Video
from core.reasons import Code, Reason


def calibrate(site: Site, url: str, actor: User) -> Calibration:
    """Begin one at a site that shows our token; a consumer continues it. Raises OrderError if plays
    may not go there or the video is in use."""
    try:
        path = Origin.parse(site.origin).path_of(url.strip())
        video_id = sites.adapter(site.adapter, site.recipe, site.secrets).video_id(path)
        verification.proved_target(site)
    except SiteError as error:
        raise OrderError(Reason.of_error(error)) from None
    calibration = start(site, url.strip(), video_id, actor)
    transaction.on_commit(lambda: tasks.wake_calibration(calibration.pk), robust=True)
    return calibration


def find_video(url: str) -> Video:
    """The video for an audit, at a site that shows our token now. Raises OrderRefusedError. It asks
    the site, so no transaction may be open."""
    video = Quoter(reads_views=False).video_at(url.strip())
    if video.site is None or video.error:
        raise OrderRefusedError({"url": video.error or Reason.of(Code.SITE_NOT_VERIFIED)})
    try:
        verification.proved_target(video.site)
    except SiteError as error:
        raise OrderRefusedError({"url": Reason.of_error(error)}) from None
    return video


def sell_audit(
    video: Video,
    customer: Customer,
    url: str,
    price: Decimal,
    actor: User,
    request_key: UUID | None = None,
) -> Calibration:
    """A report on a video's counter, charged now and refunded if it finds nothing out. No second
    person approves it, so nobody may sell one above their limit. Raises OrderRefusedError."""
    assert video.site is not None
    if requires_approval(price, limit := ApprovalLimit.objects.of(actor)):
        text = _("Above your limit of %(limit)s: somebody with a higher limit has to sell it.")
        raise OrderRefusedError({"price": text % {"limit": limit}})
    if not customer.active:
        raise OrderRefusedError({"customer": CustomerInactiveError.reason})
    bought: dict[str, Any] = {
        "customer": customer,
        "price": money.quantize(price),
        "request_key": request_key,
    }
    try:
        calibration = start(video.site, url.strip(), video.video_id, actor, **bought)
    except PostingRefusedError as error:
        raise OrderRefusedError({"customer": error.reason}) from None
    except OrderError as error:
        raise OrderRefusedError({"url": str(error)}) from None
    transaction.on_commit(lambda: tasks.wake_calibration(calibration.pk), robust=True)
    return calibration


def stop_calibration(calibration: Calibration) -> bool:
    """Returns False if it has ended."""
    stopped = calibration.ask_to_stop()
    if stopped:
        tasks.wake_calibration(calibration.pk)
    return stopped


def counting_of(site: Site) -> list[Reason]:
    """What a seller must know about how the site counts, worst first."""
    if site.calibrated_at is None:
        return [Reason.of(Code.NEVER_CALIBRATED)]
    latest = Calibration.objects.latest_of(site)
    return [] if latest is None else latest.reasons
