"""Orders that wait for their site's token: they go on when it is back, and end at their deadline.

Called by the sweep, so every host does it; a second one finds nothing left to do.
"""

import logging

from django.conf import settings
from django.db.models import F, Q

from booster import retry
from booster.delivery.plan import deadline_of
from booster.ownership import verification
from core.db import clock
from core.db.blocks import in_blocks
from core.db.outages import is_gone
from core.models import Order, Site, Status, User, transitions
from core.reasons import Code, Reason

logger = logging.getLogger(__name__)

# Sites that one sweep asks, all at the same time: it shall be over before its worker counts as
# silent, also where no site answers.
AT_ONCE = 50
# Orders that go on by one transaction: it holds SQLite's only write lock.
BLOCK = 500


def ask_sites_again() -> list[int]:
    """Ask the sites that orders wait for, and those that did not answer last or were never asked:
    customers are sold nothing there meanwhile. Returns the ids of the orders that may go on."""
    paused = Order.objects.filter(status=Status.PAUSED, held_by_site=True)
    held = Q(pk__in=paused.values("site"))
    silent = Q(active=True, unreachable_at__isnull=False)
    new = Q(active=True, verified=False, checked_at__isnull=True)
    cutoff = retry.token_cutoff(clock.now())
    resumed = []
    late = (held | silent) & Q(checked_at__lt=cutoff)
    due = Site.objects.filter(late | new).order_by(F("checked_at").asc(nulls_first=True))
    for site, answer in verification.prove_all(due[:AT_ONCE]):
        try:
            verification.verify(site, answer=answer)
            if site.verified:
                resumed += resume_paused_orders(site)
        except Exception as error:
            if is_gone(error):
                raise
            logger.exception("site %s: it could not be asked", site)  # others are
    return resumed


def resume_paused_orders(site: Site, actor: User | None = None) -> list[int]:
    """Let the orders go on that waited for this site's token; their ids, for the wake-up."""
    waiting = Order.objects.filter(site=site, status=Status.PAUSED, held_by_site=True)
    reason, resumed = Reason.of(Code.TOKEN_SHOWN_AGAIN), list[int]()
    for ids in in_blocks(list(waiting.order_by("pk").values_list("pk", flat=True)), BLOCK):
        orders = waiting.filter(pk__in=ids).order_by("pk")
        changes = [(order, transitions.resume(order, reason)) for order in orders]
        # Of the others another host came first, or a person.
        resumed += transitions.apply_unchanged(changes, actor)
    return resumed


def resume_late_orders() -> list[int]:
    """Resume orders that wait for a token and are past their deadline. Returns their ids. Their
    next run sends nothing: it has the counter read and settles. Those that people paused have all
    the time that they want."""
    now = clock.now()
    cutoff = retry.late_start_cutoff(now, settings.ORDER_DEADLINE_HOURS)
    paused = Order.objects.filter(status=Status.PAUSED, held_by_site=True, start_date__lt=cutoff)
    reason = Reason.of(Code.DEADLINE_REACHED)
    ends = ((order, deadline_of(order)) for order in paused.select_related("site"))
    late = [order for order, end in ends if end is not None and now >= end]
    ended: list[int] = []
    for some in in_blocks(late, BLOCK):
        changes = [(order, transitions.resume(order, reason)) for order in some]
        # Of the others another host's sweep came first.
        ended += transitions.apply_unchanged(changes, None)
    return ended
