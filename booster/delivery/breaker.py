"""The circuit breaker around sending: while a site is down its orders wait, and none fails.

Its state is a row that all hosts read (law 1). When an order fails without progress the site itself
is asked. No answer: its orders wait, and no attempt is counted. An answer: the trouble is the
order's own, unless another order failed before it and none made progress between them. Whoever met
the fault comes back as the probe; the first play that is received lets all go on. The others look
rarely, and one of them is woken where the probe is gone.
"""

import logging
import random
from collections.abc import Collection
from datetime import timedelta
from enum import Enum

from django.db import DatabaseError
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from booster import retry
from booster.exceptions import SiteError, TemporaryError
from core.db.outages import is_locked
from core.models import Breaker, Order, Site, breaker_of, probe_now
from core.models.transitions import SOONEST
from core.reasons import Code, Reason

logger = logging.getLogger(__name__)


class Permit(Enum):
    GO = "go"
    PROBE = "probe"
    WAIT = "wait"


class Admission:
    """One order before its site's breaker: what that said, and what it is told of how it went."""

    def __init__(self) -> None:
        self._permit: Permit | None = None
        self._outage: TemporaryError | None = None  # the site as a whole does not answer ...
        self._is_outage_known = False  # ... or does

    def ask(self, site: Site) -> bool:
        """Whether the order may send; asked once, before anything is sent."""
        if self._permit is None:
            self._permit = admit(site)
        return self._permit is not Permit.WAIT

    @property
    def is_refused(self) -> bool:
        return self._permit is Permit.WAIT

    @property
    def is_probe(self) -> bool:
        return self._permit is Permit.PROBE

    @property
    def is_clear(self) -> bool:
        """Whether it is known whose trouble an error is: the order's or the site's."""
        return self.is_probe or self._is_outage_known

    def note_outage(self, outage: SiteError | None) -> None:
        """The site itself was asked, and did not answer; None: it did."""
        self._outage = outage if isinstance(outage, TemporaryError) else None
        self._is_outage_known = True

    def forget_outage(self) -> None:
        self._outage, self._is_outage_known = None, False

    def end_probe(self) -> None:
        if self.is_probe:
            self._permit = Permit.GO

    def report_up(self, site: Site) -> None:
        report_up(site)
        self.end_probe()

    def report_trouble(
        self, site: Site, order: Order, error: TemporaryError, *, made_progress: bool
    ) -> float | None:
        """Seconds until the order looks again for the site's trouble; None where it is its own."""
        if self.is_probe:
            breaker = _row(site)
            # The order that opened it failed, the probes before, and this one.
            wait = _probe_delay(breaker.probes + 2, error.retry_after)
            breaker.stay_open(Reason.of_error(error), wait)
            self._permit = None
            return wait
        if self._outage is not None:
            return report_outage(site, self._outage, error.retry_after)
        return None if made_progress else report_failure(site, order, error)

    def pass_on(self, site: Site) -> None:
        """The order goes without having tried: where it was the probe, another one is at once."""
        if self.is_probe:
            if breaker := breaker_of(site):
                probe_now({site.pk})
                _wake_one(breaker)
            self._permit = None


def admit(site: Site) -> Permit:
    """Costs no query while the breaker, which was read with the site, is closed."""
    breaker = breaker_of(site)
    if breaker is None or not breaker.is_open:
        return Permit.GO
    if breaker.take_probe(retry.PROBE_LEASE_SECONDS):
        logger.info("site %s: one order tries whether it answers", site)
        return Permit.PROBE
    # It may have closed since: nobody would wake an order that starts waiting now.
    breaker.refresh_from_db()
    return Permit.WAIT if breaker.is_open else Permit.GO


def waiting_seconds() -> float:
    """How long an order that was not admitted waits before it looks again."""
    return retry.WAITING.delay(1, random.random())  # noqa: S311


def report_outage(site: Site, down: TemporaryError, retry_after: float | None) -> float:
    """Returns in how many seconds the order looks again: the first one comes back as the probe."""
    if _row(site).is_open:
        return waiting_seconds()
    return _open(site, Reason.of_error(down), down.retry_after or retry_after)


def report_failure(site: Site, order: Order, error: TemporaryError) -> float | None:
    """An order failed without progress while the site answers: its own trouble (None), unless
    another one did before it. Returns as Admission.report_trouble() does."""
    breaker = _row(site)
    if breaker.is_open:
        return waiting_seconds()
    if breaker.suspect not in (None, order.pk):
        several = Reason.of(Code.SEVERAL_ORDERS_FAILED, reason=Reason.of_error(error))
        return _open(site, several, error.retry_after)
    breaker.suspect_only(order.pk)
    return None


def report_up(site: Site) -> None:
    """The site received plays, or said why it takes none: all may go on."""
    breaker = breaker_of(site)
    if breaker is None or breaker.is_clean:
        return
    waiting = Order.objects.waiting_for(site, retry.WAITING.upper_bound).filter(due__gt=Now())
    if breaker.close():  # committed before others are woken: see wake_missed()
        waiting.update(due=SOONEST)
        logger.info("site %s takes plays again", site)


def wake_missed(orders: Collection[Order]) -> None:
    """These were just written to wait: a breaker that closed before that did not wake them."""
    if not orders:
        return
    closed = ~Exists(Breaker.objects.filter(site=OuterRef("site"), opened_at__isnull=False))
    mine = Order.objects.filter(closed, pk__in=[order.pk for order in orders])
    try:
        mine.filter(lease_until__isnull=True, due__gt=Now()).update(due=SOONEST)
    except DatabaseError as error:
        if not is_locked(error):
            raise
        logger.warning("orders wait on, somebody keeps their rows locked: %s", error)


def replace_lost_probes() -> None:
    """Wake another order where the probe is gone, whose process died, say. Called by the sweep."""
    late = Now() - timedelta(seconds=retry.LOST_PROBE_SECONDS)
    opened = Breaker.objects.filter(opened_at__isnull=False, probe_at__lt=late)
    for breaker in opened.select_related("site"):
        _wake_one(breaker)


def _wake_one(breaker: Breaker) -> None:
    waiting = Order.objects.waiting_for(breaker.site, retry.WAITING.upper_bound)
    may_begin = Q(planned_start__isnull=True) | Q(planned_start__lte=Now())
    first = waiting.filter(may_begin).order_by("due", "pk").values("pk")[:1]
    waiting.filter(pk__in=first, due__gt=Now()).update(due=Now())


def _open(site: Site, reason: Reason, retry_after: float | None) -> float:
    wait = _probe_delay(1, retry_after)
    logger.warning("site %s is down, its orders wait: %s", site, reason)
    _row(site).open(reason, wait)
    return wait


def _row(site: Site) -> Breaker:
    breaker = breaker_of(site)
    if breaker is None:
        breaker, _created = Breaker.objects.get_or_create(site=site)
    return breaker


def _probe_delay(failures: int, retry_after: float | None) -> float:
    """Seconds until the next probe, after `failures` in a row."""
    return retry.PROBING.delay(failures, random.random(), retry_after)  # noqa: S311
