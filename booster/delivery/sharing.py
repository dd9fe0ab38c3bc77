"""How the orders of a site share it: what each may ask of it, by looks a moment old at most.

Many small orders ask the same of the database, so each process remembers the answer for a moment.
"""

import time

from core.models import Order, Site

# How often a run looks at what others may have changed.
LOOK_SECONDS = 0.25


def site_of(order: Order) -> Site:
    """The order's site, as it was a moment ago at most: many small orders ask for the same."""
    until, site = _sites.get(order.site_id, (0.0, None))
    now = time.monotonic()
    if site is None or now >= until:
        site = Site.objects.select_related("breaker").get(pk=order.site_id)
        _sites[order.site_id] = now + LOOK_SECONDS, site
    order.site = site
    return site


def orders_on(site: Site) -> int:
    """How many orders run on the site now, at least one; looked up once a moment a process."""
    until, running = _running.get(site.pk, (0.0, 1))
    now = time.monotonic()
    if now >= until:
        running = max(1, Order.objects.on_the_wire(site).count())
        _running[site.pk] = now + LOOK_SECONDS, running
    return running


_running: dict[int, tuple[float, int]] = {}
_sites: dict[int, tuple[float, Site | None]] = {}
