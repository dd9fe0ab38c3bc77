"""When people hold back what would go out: for one site, or for the whole office. An order that is
paused by itself has a status of its own; here it keeps the one it has, and waits.

Whoever sends asks `Pause.objects.in_force()`, or filters by `OrderQuerySet.without_paused()`. All
moments are the database's: hosts' clocks differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, models, transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Least, Now
from django.utils.translation import gettext_lazy as _

from core.db import clock
from core.db.notifier import notify
from core.models.accounts import User, person_field
from core.models.fields import protected_key
from core.models.flow import OPEN, OrderError, given_reason
from core.models.sites import Site
from core.reasons import TEXT_LENGTH, Code, Reason


@dataclass(frozen=True, slots=True)
class Held:
    """What is paused now. `sites` are those with a pause of their own, by id."""

    office: "Pause | None"
    sites: Mapping[int, "Pause"]

    def of(self, site_id: int) -> "Pause | None":
        """The pause that holds a site, its own one first. None: it may be sent to."""
        return self.sites.get(site_id) or self.office

    def since(self, site_id: int) -> datetime | None:
        """Since when nothing has been sent to a site."""
        pauses = filter(None, (self.sites.get(site_id), self.office))
        return min((pause.create_date for pause in pauses), default=None)


class PauseQuerySet(models.QuerySet["Pause"]):
    def active(self) -> "PauseQuerySet":
        return self.filter(end_date=None)

    def in_force(self) -> Held:
        """In one query, of which few rows come; of who paused, the name: every page asks this."""
        own = ("site", "reason", "create_date", "end_date", "ended_by")
        pauses = list(self.active().select_related("creator").only(*own, "creator__username"))
        office = next((pause for pause in pauses if pause.site_id is None), None)
        return Held(office, {one.site_id: one for one in pauses if one.site_id is not None})

    def of_site(self, site: str) -> Exists:
        """For a filter of rows whose field `site` names their site: whether it is held now."""
        return Exists(self.active().filter(Q(site=None) | Q(site=OuterRef(site))))

    def begin(self, site: Site | None, actor: User | None, reason: str) -> "Pause":
        """Raises OrderError without a reason, and where it is paused already."""
        reason = given_reason(reason, missing=Code.PAUSE_REASON_MISSING)
        try:
            with transaction.atomic():
                pause = self.create(site=site, creator=actor, reason=reason)
                notify()
        except IntegrityError:
            raise OrderError(Reason.of(Code.ALREADY_PAUSED)) from None
        pause.refresh_from_db()
        return pause


class Pause(models.Model):
    """Nothing is sent to `site` (None: to any site) until `end_date`."""

    site = protected_key(Site, _("site"), null=True, related_name="pauses", db_index=False)
    reason = models.CharField(_("reason"), max_length=TEXT_LENGTH)
    creator = person_field(_("creator"))
    create_date = models.DateTimeField(_("paused"), db_default=Now(), editable=False)
    end_date = models.DateTimeField(_("ended"), null=True)
    ended_by = person_field(_("ended by"))

    objects = PauseQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        permissions = [("pause_office", "Can pause the whole office")]
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                Coalesce("site", Value(0)), name="pause_one_at_a_time", condition=Q(end_date=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site or _('the whole office')} {self.create_date:%Y-%m-%d %H:%M}"

    def end(self, actor: User | None, *, shift: bool) -> None:
        """Let things go on. Deadlines move by the time it took; with `shift` so do drip plans,
        which catch up otherwise. Raises OrderError where it has ended already."""
        now = clock.now()
        with transaction.atomic():
            if Pause.objects.active().filter(pk=self.pk).update(end_date=now, ended_by=actor) != 1:
                raise OrderError(Reason.of(Code.PAUSE_ENDED))
            self._add_to_orders(now, shift=shift)
            notify()
        self.refresh_from_db()

    def _add_to_orders(self, now: datetime, *, shift: bool) -> None:
        """Of two pauses of a site at once, the one that ends first counts until the other began:
        so all the time is counted, and none of it twice."""
        held = Pause.objects.in_force()
        if self.site_id is not None:
            until = min(now, held.office.create_date) if held.office else now
            self._add(Q(site=self.site_id), until, shift=shift)
            return
        self._add(~Q(site__in=list(held.sites)), now, shift=shift)
        for site_id, pause in held.sites.items():
            self._add(Q(site=site_id), min(now, pause.create_date), shift=shift)

    def _add(self, those: Q, until: datetime, *, shift: bool) -> None:
        """To those of the open orders that began before it. `until`: when it ended, or another
        pause, which has not, took over."""
        from core.models.orders import Order

        seconds = round((until - self.create_date).total_seconds())
        begun = Order.objects.filter(those, status__in=OPEN, start_date__lt=self.create_date)
        # Those that are paused by themselves, too, count the time when they go on.
        begun.filter(paused_at__gt=self.create_date).update(
            paused_at=Least(F("paused_at"), Value(self.create_date))
        )
        if seconds > 0:
            shifted = {"shift_seconds": F("shift_seconds") + seconds} if shift else {}
            begun.filter(paused_at=None).update(
                paused_seconds=F("paused_seconds") + seconds, **shifted
            )
