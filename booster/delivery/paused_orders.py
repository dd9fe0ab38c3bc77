"""Orders that wait for their site's token: they go on when it is shown again, and end at their
deadline. Every host's sweep does this; a second one finds nothing left to do."""

import logging

from django.conf import settings

from booster import retry
from booster.delivery.plan import deadline_of
from booster.ownership import verification
from core.db import clock
from core.db.blocks import in_blocks
from core.db.outages import is_gone
from core.models import Order, Site, Status, User, transitions
from core.reasons import Code, Reason

logger = logging.getLogger(__name__)

# Orders that go on by one transaction: it holds SQLite's only write lock.
BLOCK = 500


def resume_where_shown() -> list[int]:
    """Ask the sites that are due; returns the ids of the orders that go on."""
    waiting = Order.objects.filter(status=Status.PAUSED, held_by_site=True)
    resumed: list[int] = []
    for site in verification.verify_due(waiting):
        try:
            resumed += resume_paused_orders(site)
        except Exception as error:
            if is_gone(error):
                raise
            logger.exception("site %s: its orders could not be resumed", site)  # others' are
    return resumed


def resume_paused_orders(site: Site, actor: User | None = None) -> list[int]:
    """Let the orders go on that waited for this site's token; their ids, for the wake-up."""
    waiting = Order.objects.filter(site=site, status=Status.PAUSED, held_by_site=True)
    reason, resumed = Reason.of(Code.TOKEN_SHOWN_AGAIN), list[int]()
    for ids in in_blocks(list(waiting.order_by("pk").values_list("pk", flat=True)), BLOCK):
        orders = waiting.filter(pk__in=ids).order_by("pk")
        changes = [(order, transitions.resume(order, reason)) for order in orders]
        # The others another host has resumed, or a person.
        resumed += transitions.apply_unchanged(changes, actor)
    return resumed


def resume_late_orders() -> list[int]:
    """Resume orders that wait for a token and are past their deadline: their next run sends nothing
    and settles. Returns their ids. Those that people paused have all the time that they want."""
    now = clock.now()
    cutoff = retry.late_start_cutoff(now, settings.ORDER_DEADLINE_HOURS)
    paused = Order.objects.filter(status=Status.PAUSED, held_by_site=True, start_date__lt=cutoff)
    reason = Reason.of(Code.DEADLINE_REACHED)
    ends = ((order, deadline_of(order)) for order in paused.select_related("site"))
    late = [order for order, end in ends if end is not None and now >= end]
    ended: list[int] = []
    for some in in_blocks(late, BLOCK):
        changes = [(order, transitions.resume(order, reason)) for order in some]
        # The others another host's sweep has resumed.
        ended += transitions.apply_unchanged(changes, None)
    return ended
