"""Orders that wait for their site's token: they go on when it is back, and end at their deadline.

Called by the sweep, so every host does it; a second one finds nothing left to do.
"""

from contextlib import suppress

from django.conf import settings
from django.utils import timezone

from booster import retry
from booster.delivery.deadline import is_late
from booster.ownership import verification
from core.models import Order, Site, Status, TransitionError
from core.reasons import Code, Reason


def resume_sites() -> list[int]:
    """Ask the sites that orders wait for. Returns the ids of the orders that may go on."""
    waiting = Site.objects.filter(orders__status=Status.PAUSED, orders__held_by_site=True)
    cutoff = retry.token_cutoff(timezone.now())
    resumed = []
    for site in waiting.filter(checked_at__lt=cutoff).distinct():
        verification.verify(site)
        if site.verified:
            resumed += verification.resume_held_orders(site)
    return resumed


def end_late_orders() -> list[int]:
    """Resume paused orders that are past their deadline. Returns their ids. Their next run sends
    nothing: it has the counter read and settles."""
    cutoff = retry.late_start_cutoff(timezone.now(), settings.ORDER_DEADLINE_HOURS)
    paused = Order.objects.filter(status=Status.PAUSED, start_date__lt=cutoff)
    ended = []
    for order in paused.select_related("site"):
        if is_late(order):
            with suppress(TransitionError):  # another host's sweep came first
                order.resume(reason=Reason.of(Code.DEADLINE_REACHED))
                ended.append(order.pk)
    return ended
