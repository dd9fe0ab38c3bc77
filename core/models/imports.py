"""Uploads of many rows: what was asked, how far it got, who did it and what came of it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.models.coded import code_field, params_field
from core.models.jobs import Job, JobQuerySet


class ImportJobQuerySet(JobQuerySet):
    def imported_before(self, job: "ImportJob") -> "ImportJob | None":
        """The latest job that took the very same file to its end."""
        same = self.filter(kind=job.kind, sha256=job.sha256, status=ImportJob.Status.DONE)
        return same.exclude(pk=job.pk).exclude(sha256="").order_by("-pk").first()


class ImportJob(Job):
    """One uploaded file. It is checked as a whole, then waits for a person, then is imported.

    `total` is an estimate until the check has ended. Counts are those of the check until the
    import begins, then those of the import.
    """

    class Kind(models.IntegerChoices):
        CUSTOMERS = 1, _("customers")
        CHARGES = 2, _("top-ups")
        ORDERS = 3, _("orders")

    class Status(models.IntegerChoices):
        CHECKING = 1, _("being checked")
        CHECKED = 2, _("checked")
        IMPORTING = 3, _("being imported")
        DONE = 4, _("imported")
        REFUSED = 5, _("refused")
        CANCELED = 6, _("canceled")

    WORKABLE = (Status.CHECKING, Status.IMPORTING)
    FINAL = (Status.DONE, Status.REFUSED, Status.CANCELED)
    CANCELED = Status.CANCELED
    COUNTS = ("created", "updated", "unchanged", "rejected", "amount")

    kind = models.PositiveSmallIntegerField(_("kind"), choices=Kind)
    status = models.PositiveSmallIntegerField(_("status"), choices=Status, default=Status.CHECKING)
    update = models.BooleanField(
        _("update"), default=False, help_text=_("Also update existing rows.")
    )
    partial = models.BooleanField(
        _("valid rows only"),
        default=False,
        help_text=_("Import valid rows and return the others; otherwise all rows or none."),
    )

    file_name = models.CharField(_("file"), max_length=200)
    folder = models.CharField(max_length=32, unique=True)
    size = models.PositiveBigIntegerField(_("bytes"))
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    encoding = models.CharField(_("encoding"), max_length=32, blank=True)

    total = models.PositiveIntegerField(_("rows"), default=0)
    done = models.PositiveIntegerField(_("rows done"), default=0)
    created = models.PositiveIntegerField(_("created"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    rejected = models.PositiveIntegerField(_("refused rows"), default=0)
    amount = models.DecimalField(_("amount"), max_digits=20, decimal_places=2, default=0)
    # Keys appear twice in the file, so that an import has to know which and where.
    repeats = models.BooleanField(default=False)
    # How much of the file of refused rows belongs to the rows done; the rest is cut off again.
    refused_bytes = models.PositiveBigIntegerField(default=0)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    reason_code = code_field()
    reason_params = params_field()

    create_date = models.DateTimeField(_("uploaded"), auto_now_add=True)

    objects = ImportJobQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ("-id",)
        indexes = [
            # 1 and 3 are WORKABLE.
            models.Index(fields=["id"], name="import_due", condition=Q(status__in=(1, 3))),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def changes(self) -> int:
        return self.created + self.updated

    def start_import(self, *, partial: bool) -> bool:
        """A person confirmed the check's report. Returns False where somebody did before."""
        waiting = ImportJob.objects.filter(pk=self.pk, status=self.Status.CHECKED)
        changed = waiting.update(
            status=self.Status.IMPORTING,
            partial=partial,
            start_date=Now(),
            **dict.fromkeys(("done", *self.COUNTS), 0),
        )
        self.refresh_from_db()
        return changed == 1
