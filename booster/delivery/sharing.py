"""What the orders of one site share: the site's row, and how many of them run on it.

Many small orders ask the database the same, so each process keeps the answer for CACHE_SECONDS.
"""

import time

from core.models import Order, Site

CACHE_SECONDS = 0.25


def site_of(order: Order) -> Site:
    """The order's site, at most CACHE_SECONDS old."""
    until, site = _sites.get(order.site_id, (0.0, None))
    now = time.monotonic()
    if site is None or now >= until:
        site = Site.objects.select_related("breaker").get(pk=order.site_id)
        _sites[order.site_id] = now + CACHE_SECONDS, site
    order.site = site
    return site


def running_order_count(site: Site) -> int:
    """How many orders run on the site, on all hosts; at least one. At most CACHE_SECONDS old."""
    until, running = _running.get(site.pk, (0.0, 1))
    now = time.monotonic()
    if now >= until:
        running = max(1, Order.objects.being_sent(site).count())
        _running[site.pk] = now + CACHE_SECONDS, running
    return running


_running: dict[int, tuple[float, int]] = {}
_sites: dict[int, tuple[float, Site | None]] = {}
