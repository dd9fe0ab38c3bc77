"""An order placed anew every day or week at a time of the office's clock: `Repeat` says of which
order and when, an `Occurrence` what came of one time.

Whoever sweeps finds in the database what is due. `next_at` is the claim: it is moved on by
its old value, in the transaction that writes the occurrence, of which each time has one.
"""

import datetime
from collections.abc import Iterator

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.db import clock
from core.models.accounts import User, person_field
from core.models.fields import protected_key, reason_fields
from core.models.orders import Order
from core.reasons import ReasonOrText, reason_columns, reason_of

DAY = datetime.timedelta(days=1)


class RepeatQuerySet(models.QuerySet["Repeat"]):
    def active(self) -> "RepeatQuerySet":
        return self.filter(next_at__isnull=False)

    def due(self) -> "RepeatQuerySet":
        """Whose next time has come, by the database's clock. What a later release beside this one
        repeats in a way that we do not know is left to it."""
        rows = self.filter(next_at__lte=Now(), every__in=Repeat.Every.values).order_by("next_at")
        return rows.select_related("order__customer", "creator")

    def needing_a_person(self) -> "RepeatQuerySet":
        return self.filter(pk__in=Occurrence.objects.filter(needs_attention=True).values("repeat"))


class Repeat(models.Model):
    """`order` is placed anew, for its customer and in the name of the creator, with the price of
    the day. Without a last day it ends with the customer's balance."""

    class Every(models.IntegerChoices):
        DAY = 1, _("every day")
        WEEK = 7, _("every week")

    order = protected_key(Order, _("order"), related_name="repeats", db_index=False)
    every = models.PositiveSmallIntegerField(_("how often"), choices=Every, default=Every.DAY)
    # Of a weekly one: 0 is Monday.
    weekday = models.PositiveSmallIntegerField(_("weekday"), null=True, blank=True)
    at = models.TimeField(_("time of day"), help_text=_("On the office's clock."))
    until = models.DateField(
        _("last day"),
        null=True,
        blank=True,
        help_text=_("Empty: until the customer's balance is too short."),
    )
    creator = person_field(_("creator"))
    create_date = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    # None: it has ended, at `end_date`, for its reason.
    next_at = models.DateTimeField(_("next time"), null=True, editable=False)
    end_date = models.DateTimeField(_("ended"), null=True, editable=False)
    ended_by = person_field(_("ended by"), editable=False)
    reason, reason_code, reason_params = reason_fields(_("reason"), editable=False)

    objects = RepeatQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        verbose_name = _("repeat")
        verbose_name_plural = _("repeats")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["next_at"], name="repeat_due", condition=Q(next_at__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["order"], name="repeat_one_an_order", condition=Q(next_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} #{self.pk}"

    def after(self, moment: datetime.datetime) -> datetime.datetime | None:
        """The first time after this moment; None where that is beyond the last day."""
        return next(self.times(timezone.localdate(moment), moment, forward=True), None)

    def latest(self, now: datetime.datetime) -> datetime.datetime:
        """The last of the times that have come: of several that were missed one is made up for."""
        assert self.next_at is not None
        last_day = min(timezone.localdate(now), self.until or datetime.date.max)
        return next(self.times(last_day, now, forward=False), self.next_at)

    def times(
        self, day: datetime.date, moment: datetime.datetime, *, forward: bool
    ) -> Iterator[datetime.datetime]:
        """Within eight days of `day`: those after the moment, or backwards those that are not."""
        for _step in range(9):
            if self.weekday in (None, day.weekday()) and not (self.until and day > self.until):
                time = timezone.make_aware(datetime.datetime.combine(day, self.at))
                if (time > moment) == forward:
                    yield time
            day = day + DAY if forward else day - DAY

    def move_on(self, now: datetime.datetime) -> bool:
        """To the first time after `now`. Returns False where another host did it."""
        following = self.after(now)
        return self._change(next_at=following, end_date=None if following else now)

    def end(self, actor: User | None, reason: ReasonOrText = "") -> bool:
        """Returns False where it has ended already."""
        return self._change(
            next_at=None, end_date=clock.now(), ended_by=actor, **reason_columns(reason)
        )

    def _change(self, **changes: object) -> bool:
        rows = Repeat.objects.active().filter(pk=self.pk, next_at=self.next_at)
        changed = rows.update(**changes) == 1
        if changed:
            for name, value in changes.items():
                setattr(self, name, value)
        return changed


class Occurrence(models.Model):
    """One time of a repeat: the order that was placed, or why none was. `missed`: times before it
    that nobody was there for."""

    repeat = models.ForeignKey(
        Repeat, on_delete=models.PROTECT, related_name="occurrences", db_index=False
    )
    planned = models.DateTimeField(_("planned"))
    create_date = models.DateTimeField(_("when"), db_default=Now(), editable=False)
    order = models.OneToOneField(
        Order,
        verbose_name=_("order"),
        on_delete=models.PROTECT,
        null=True,
        related_name="occurrence",
    )
    missed = models.PositiveIntegerField(_("missed before"), default=0)
    reason, reason_code, reason_params = reason_fields(_("reason"))
    needs_attention = models.BooleanField(_("needs attention"), default=False)

    class Meta:
        default_permissions = ()
        verbose_name = _("time of a repeat")
        verbose_name_plural = _("times of a repeat")
        ordering = ("-id",)
        indexes = [
            models.Index(
                fields=["repeat"], name="occurrence_refused", condition=Q(needs_attention=True)
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["repeat", "planned"], name="occurrence_once_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.planned:%Y-%m-%d %H:%M}: {self.order or reason_of(self)}"
