"""A site's circuit breaker: whether plays may be sent there now. One row per site, so that all
hosts agree; by the database's clock. Open, runs give their orders back untried until `probe_at`;
then the one that wins `take_probe()` may try. What opens and closes it is decided in
booster/delivery/breaker.py, and how long it waits in booster/retry.py."""

from collections.abc import Collection
from datetime import timedelta

from django.db import models
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.models.fields import reason_fields
from core.models.sites import Site
from core.reasons import ReasonOrText, reason_columns


class Breaker(models.Model):
    site = models.OneToOneField(
        Site, on_delete=models.CASCADE, primary_key=True, related_name="breaker"
    )
    opened_at = models.DateTimeField(_("not answering since"), null=True)
    probe_at = models.DateTimeField(_("next attempt at"), null=True)
    probes = models.PositiveIntegerField(_("failed probes"), default=0)
    reason, reason_code, reason_params = reason_fields(_("reason"))
    # The order that failed last, alone, while the site answered. A hint, not a relation.
    suspect = models.PositiveBigIntegerField(null=True)

    class Meta:
        default_permissions = ()

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None

    @property
    def is_clean(self) -> bool:
        return self.opened_at is None and self.suspect is None

    def take_probe(self, seconds: float) -> bool:
        """Returns whether this process is the one that may try now; after `seconds` another may."""
        due = self._row().filter(opened_at__isnull=False, probe_at__lte=Now())
        return due.update(probe_at=Now() + timedelta(seconds=seconds)) == 1

    def open(self, reason: ReasonOrText, seconds: float) -> None:
        """The first probe is due in `seconds`. An open breaker is left as it is: a worker that
        tried before adds nothing."""
        self._row().filter(opened_at__isnull=True).update(
            opened_at=Now(),
            probe_at=Now() + timedelta(seconds=seconds),
            probes=0,
            suspect=None,
            **reason_columns(reason),
        )
        self.refresh_from_db()

    def stay_open(self, reason: ReasonOrText, seconds: float) -> None:
        """The next probe is due in `seconds`. A closed breaker is left closed."""
        self._row().filter(opened_at__isnull=False).update(
            probe_at=Now() + timedelta(seconds=seconds),
            probes=F("probes") + 1,
            **reason_columns(reason),
        )
        self.refresh_from_db()

    def close(self) -> bool:
        """Returns whether it was open."""
        was_open = self._row().filter(opened_at__isnull=False).exists()
        closed = {"opened_at": None, "probe_at": None, "probes": 0, "suspect": None}
        self._row().update(**closed, **reason_columns(""))
        self.refresh_from_db()
        return was_open

    def suspect_only(self, order_id: int) -> None:
        """This order failed while the site answered; the breaker is left as it is."""
        self._row().update(suspect=order_id)
        self.refresh_from_db()

    def _row(self) -> "models.QuerySet[Breaker]":
        return Breaker.objects.filter(pk=self.pk)


def breaker_of(site: Site) -> Breaker | None:
    """Returns None for a site that never was in trouble."""
    return getattr(site, "breaker", None)


def probe_now(sites: Collection[int]) -> None:
    """Of these sites, those that seem down are tried at once."""
    Breaker.objects.filter(pk__in=sites, opened_at__isnull=False).update(probe_at=Now())


def open_breaker_of(site: Site) -> Breaker | None:
    """The breaker that holds the site's orders now, if one does."""
    breaker = breaker_of(site)
    return breaker if breaker and breaker.is_open else None
