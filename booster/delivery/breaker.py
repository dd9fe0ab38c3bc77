"""The circuit breaker around sending: while a site is down its orders wait, and none fails.

Law 1: its state is a row that all hosts read. A run that fails without progress asks the site
itself. No answer: the site is down for everybody, and its orders wait without an attempt counted.
An answer: the trouble is the order's own, unless another order failed in the same way and none made
progress between them. One run at a time is let through as a probe; the first play that
is received lets all go on. Whoever met the fault comes back to probe; the many others look rarely.
"""

import logging
import random
from datetime import timedelta
from typing import Self

from django.db import transaction
from django.db.models.functions import Now

from booster import retry
from booster.exceptions import TemporaryError
from booster.ownership import verification
from core.models import Breaker, Order, Site, Status, breaker_of
from core.reasons import Code, Reason

logger = logging.getLogger(__name__)


class BreakerGuard:
    """What the breaker tells one run. `wait_seconds`: until it may try; 0: go on."""

    def __init__(self, site: Site, wait_seconds: float = 0.0, *, is_probe: bool = False) -> None:
        self.site = site
        self.wait_seconds = wait_seconds
        self.is_probe = is_probe

    @classmethod
    def ask(cls, site: Site) -> Self:
        """Costs no query while the breaker, which was read with the site, is closed."""
        breaker = breaker_of(site)
        if breaker is None or not breaker.is_open:
            return cls(site)
        if breaker.take_probe(retry.PROBE_LEASE_SECONDS):
            logger.info("site %s: one order tries whether it answers", site)
            return cls(site, is_probe=True)
        # Re-read: the breaker may have closed since, and nobody would wake a run that starts
        # waiting now.
        breaker.refresh_from_db()
        wait = retry.WAITING.delay(1, random.random())  # noqa: S311
        return cls(site, wait if breaker.is_open else 0.0)

    def report_failure(
        self, order: Order, error: TemporaryError, *, made_progress: bool
    ) -> float | None:
        """The run ended with `error`. Returns in how many seconds to try again because the site is
        down, without an attempt counted; None where the trouble is the order's own."""
        if self.is_probe:
            breaker = self._row()
            # The run that opened it failed, the probes before, and this one.
            wait = probe_delay(breaker.probes + 2, error.retry_after)
            breaker.stay_open(Reason.of_error(error), wait)
            return wait
        try:
            verification.ping(self.site)
        except TemporaryError as down:
            return self._open(Reason.of_error(down), down.retry_after or error.retry_after)
        if made_progress:
            return None
        breaker = self._row()
        if breaker.suspect not in (None, order.pk):
            several = Reason.of(Code.SEVERAL_ORDERS_FAILED, reason=Reason.of_error(error))
            return self._open(several, error.retry_after)
        breaker.suspect_only(order.pk)
        return None

    def report_success(self) -> None:
        """Plays were received, or the site said why not: it is up, and all may go on."""
        breaker = breaker_of(self.site)
        if breaker is None or breaker.is_clean:
            return
        held = Order.objects.filter(
            site=self.site,
            status__in=(Status.PENDING, Status.RUNNING),
            lease_until__isnull=True,
            due__gt=Now(),
            due__lte=Now() + timedelta(seconds=retry.WAITING.upper_bound),
        )
        with transaction.atomic():
            if breaker.close():
                held.update(due=Now())
                logger.info("site %s takes plays again", self.site)

    def _open(self, reason: Reason, retry_after: float | None) -> float:
        wait = probe_delay(1, retry_after)
        logger.warning("site %s is down, its orders wait: %s", self.site, reason)
        self._row().open(reason, wait)
        return wait

    def _row(self) -> Breaker:
        breaker = breaker_of(self.site)
        if breaker is None:
            breaker, _created = Breaker.objects.get_or_create(site=self.site)
        return breaker


def probe_delay(failures: int, retry_after: float | None) -> float:
    """Seconds until the next probe, after `failures` in a row."""
    return retry.PROBING.delay(failures, random.random(), retry_after)  # noqa: S311
