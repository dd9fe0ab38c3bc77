"""What orders showed of their site, on its row: how much it bears, how its counter behaves."""

import logging
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from booster import sites
from booster.engine import Learned
from booster.proof import Watch
from booster.sites import SiteAdapter
from core.models import Order, Site, Status, Transition

logger = logging.getLogger(__name__)

# For how long a site whose counter lost plays that came together gets no more of them at once.
LOSS_REMEMBERED = timedelta(days=1)
# Of an order whose full count says that the site loses none.
LEAST_PLAYS = 50


def keep_pace(site: Site, learned: Learned, rounds: int) -> None:
    """What the site turned out to bear, in one of so many rounds."""
    rate = learned.rate and learned.rate * rounds
    connections = learned.connections and learned.connections * rounds
    moved = abs((rate or 0.0) - (site.learned_rate or 0.0))
    if moved > 0.05 * (rate or 0.0) or connections != site.learned_connections:
        # Not where somebody had it forgotten since it was read.
        rows = Site.objects.filter(pk=site.pk)
        if site.learned_at is not None:
            rows = rows.filter(learned_at__isnull=False)
        _write(site, rows, learned_rate=rate, learned_connections=connections)


def keep_counting(site: Site, adapter: SiteAdapter, watch: Watch, *, is_final: bool) -> None:
    """That the counter lags longer than was known, and that a reading does not move it."""
    learned: dict[str, Any] = {}
    late = None if watch.missed else watch.seconds_to_show
    if is_final and late is not None and late > sites.lag_of(adapter, site.learned_lag):
        learned["learned_lag"] = site.learned_lag = round(late, 1)
    if sites.counts_readings(site.adapter, site.counts_readings) is None and watch.silent:
        learned["counts_readings"] = site.counts_readings = False
    if learned:
        Site.objects.filter(pk=site.pk).update(**learned)


def keep_width(site: Site, order: Order, change: Transition) -> bool:
    """How many plays at once the counter bears: where more are sent again than a site may lose, it
    lost those that came together, but for those that nobody answered; where all were counted at
    once, the site may have more together. Returns whether other limits hold from now on."""
    lost = int(change.changes.get("resent", 0)) - order.resent - order.uncertain
    if lost > order.count * site.resend_percent // 100:
        _narrow(site)
        return True
    is_counted = change.path[-1] == Status.COMPLETED and not order.resent
    # A counter that loses plays which come together would have lost some of these.
    is_telling = not order.hours and order.count >= LEAST_PLAYS
    return is_counted and is_telling and _widen(site)


def _narrow(site: Site) -> None:
    logger.warning("site %s loses plays that come in parallel: one at a time from now on", site)
    rows = Site.objects.filter(pk=site.pk)
    _write(site, rows, counted_connections=1, counts_lost_at=Now())


def _widen(site: Site) -> bool:
    """Twice as many plays at once from now on, unless the counter lost some of them lately."""
    counted = site.counted_connections
    if counted is None:
        return False
    more = counted * 2 if counted * 2 < site.max_connections else None
    settled = Site.objects.filter(
        Q(counts_lost_at=None) | Q(counts_lost_at__lt=Now() - LOSS_REMEMBERED),
        pk=site.pk,
        counted_connections=counted,
    )
    if not settled.update(counted_connections=more):
        return False
    site.counted_connections = more
    return True


def _write(site: Site, rows: QuerySet[Site], **learned: Any) -> None:
    if rows.update(learned_at=Now(), **learned):
        site.refresh_from_db(fields=["learned_at", *learned])
