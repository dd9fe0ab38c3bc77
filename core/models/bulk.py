"""One action on many rows: who asked for what, on which rows, and what came of each. Rows are kept
by id in blocks as they were found when the action was chosen: what a person confirmed is what is
done, however the lists change meanwhile. A block is done in one transaction with its step of the
job."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.template.defaultfilters import capfirst
from django.utils.translation import gettext_lazy as _

from core.models.fields import amount_field, created_field, reason_fields
from core.models.jobs import Job, JobQuerySet


class BulkJob(Job):
    """It awaits a person's confirmation, then runs. `summary` says of which rows it was made:
    a list of [value of the action's `group`, number of rows, sum of its `sum_of` as text]."""

    class Action(models.IntegerChoices):
        CANCEL = 1, _("cancel orders")
        RETRY = 2, _("retry orders")
        APPROVE = 3, _("approve orders")
        TOP_UP = 4, _("top up customers")
        ACTIVATE = 5, _("switch customers on")
        DEACTIVATE = 6, _("switch customers off")
        PAUSE = 7, _("pause orders")
        RESUME = 8, _("resume orders")
        CATCH_UP = 9, _("resume orders, plans catch up")

    class Status(models.IntegerChoices):
        WAITING = 1, _("awaiting confirmation")
        RUNNING = 2, _("in progress")
        DONE = 3, _("done")
        REFUSED = 4, _("refused")
        CANCELED = 5, _("canceled")

    WORK, WORKS = "action", Action
    WORKABLE = (Status.RUNNING,)
    STOPPABLE = (Status.WAITING, Status.RUNNING)
    FINAL = (Status.DONE, Status.REFUSED, Status.CANCELED)
    CANCELED = Status.CANCELED

    action = models.PositiveSmallIntegerField(_("action"), choices=Action)
    status = models.PositiveSmallIntegerField(_("status"), choices=Status, default=Status.WAITING)
    # Of the list that the rows were chosen from, and whether all of it was meant.
    query = models.CharField(_("filters"), max_length=2000, blank=True)
    language = models.CharField(max_length=16, blank=True)
    each = amount_field(_("amount for each"), null=True, blank=True)
    # Whether those get the amount who got as much lately.
    again = models.BooleanField(default=False, db_default=False)
    note = models.CharField(_("note"), max_length=200, blank=True)
    summary: "models.JSONField[Any, Any]" = models.JSONField(default=list)

    total = models.PositiveIntegerField(_("rows"), default=0)
    done = models.PositiveIntegerField(_("rows done"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    refused = models.PositiveIntegerField(_("refused rows"), default=0)
    amount = amount_field(_("amount"), digits=20, default=0)
    blocks_done = models.PositiveIntegerField(default=0)
    stop_requested = models.BooleanField(default=False)
    reason, reason_code, reason_params = reason_fields(_("reason"), most=500)

    create_date = created_field(_("created"))

    objects = JobQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        ordering = ("-id",)
        indexes = [
            # 2 is WORKABLE.
            models.Index(fields=["id"], name="bulk_due", condition=Q(status=2)),
        ]

    def __str__(self) -> str:
        return f"{capfirst(self.get_action_display())} #{self.pk}"

    def start(self, note: str = "", *, each: Decimal | None = None, again: bool = False) -> bool:
        """Returns False where somebody confirmed it before, or another amount was asked about."""
        waiting = BulkJob.objects.filter(status=self.Status.WAITING)
        if each is not None:
            waiting = waiting.filter(each=each)
        changes = {"again": again, **({"note": note[:200]} if note else {})}
        return self.move(waiting, status=self.Status.RUNNING, start_date=Now(), **changes)

    def ask_to_stop(self) -> None:
        """Whoever works on it stops before the next block."""
        BulkJob.objects.filter(pk=self.pk).update(stop_requested=True)

    @property
    def is_asked_to_stop(self) -> bool:
        return BulkJob.objects.filter(pk=self.pk, stop_requested=True).exists()


class BulkBlock(models.Model):
    """Ids of rows that are done together; `number` counts from 0."""

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="blocks")
    number = models.PositiveIntegerField()
    ids: "models.JSONField[list[int], list[int]]" = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="bulk_block_number")]


class BulkRefusal(models.Model):
    """A row that the action was not done on, and why."""

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="refusals")
    object_id = models.BigIntegerField()
    name = models.CharField(_("name"), max_length=64)
    reason, reason_code, reason_params = reason_fields(_("why"))

    class Meta:
        ordering = ("id",)
