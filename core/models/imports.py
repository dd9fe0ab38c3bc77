"""Uploads of many rows: what was asked, how far it got, who did it and what came of it."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.models.accounts import User, person_field
from core.models.fields import amount_field, created_field, reason_fields
from core.models.jobs import Job, JobQuerySet
from core.reasons import Code, Reason
from core.sentences.undoing import UndoCode

# Notes with these codes are no word on the file.
UNDO_REFUSALS = frozenset({*UndoCode, Code.FAILED_TOO_OFTEN, Code.RIGHT_LOST, Code.OWN_ERROR})


class ImportJobQuerySet(JobQuerySet):
    def imported_before(self, job: "ImportJob") -> "ImportJob | None":
        """The latest job that imported the very same file."""
        same = self.filter(kind=job.kind, sha256=job.sha256, status=ImportJob.Status.DONE)
        return same.exclude(pk=job.pk).exclude(sha256="").order_by("-pk").first()


class ImportJob(Job):
    """One uploaded file: checked as a whole, confirmed by a person, imported. `total` is an
    estimate until the check has ended. Counts are those of the check, then those of the import."""

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
        UNDOING = 7, _("being undone")
        UNDONE = 8, _("undone")

    class Repeated(models.TextChoices):
        """What becomes of rows that may have been booked before; "" until a person says it."""

        SKIP = "skip"
        AGAIN = "again"

    WORK, WORKS = "kind", Kind
    WORKABLE = (Status.CHECKING, Status.IMPORTING, Status.UNDOING)
    FINAL = (Status.DONE, Status.REFUSED, Status.CANCELED, Status.UNDONE)
    CANCELED = Status.CANCELED
    STOPPABLE = (Status.CHECKING, Status.CHECKED, Status.IMPORTING)
    # Also of what was stopped midway some blocks may be in.
    UNDOABLE = (Status.DONE, Status.REFUSED, Status.CANCELED)
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
    # What a person said of the file, where it does not say itself.
    chosen_encoding = models.CharField(max_length=32, blank=True)
    decimal_sign = models.CharField(max_length=1, blank=True)
    repeated_rows = models.CharField(max_length=8, blank=True, db_default="", default="")
    # In which its rows' faults are told.
    language = models.CharField(max_length=16, blank=True)
    # What was made of the file: reasons as JSON, for whoever is to confirm it; and behind them why
    # it was not undone, since `reason` is what the import itself ended with.
    notes: "models.JSONField[Any, Any]" = models.JSONField(default=list)

    # What orders cost when the file was checked: the bundles on sale. A person agreed to no other.
    prices = models.CharField(max_length=64, blank=True, editable=False)

    total = models.PositiveIntegerField(_("rows"), default=0)
    done = models.PositiveIntegerField(_("rows done"), default=0)
    created = models.PositiveIntegerField(_("created"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    rejected = models.PositiveIntegerField(_("refused rows"), default=0)
    amount = amount_field(_("amount"), digits=20, default=0)
    # Keys appear twice in the file, so that an import has to know which and where.
    repeats = models.BooleanField(default=False)
    # How long the file of refused rows is.
    refused_bytes = models.PositiveBigIntegerField(default=0)
    reason, reason_code, reason_params = reason_fields(_("reason"), most=500)

    create_date = created_field(_("uploaded"))

    undoer = person_field(_("undone by"))
    undone_at = models.DateTimeField(_("undone"), null=True)
    # What it is again where it cannot be undone.
    status_before_undo = models.PositiveSmallIntegerField(choices=Status, null=True)

    # How far its run is, where core/importing/signs.py was asked.
    signs: Any = None
    # Whether it is known which rows it wrote, where core/importing/undoing was asked.
    knows_rows: bool | None = None

    objects = ImportJobQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ("-id",)
        permissions = [("undo_import", "Can undo imports")]
        indexes = [
            # 1, 3 and 7 are WORKABLE.
            models.Index(fields=["id"], name="import_due", condition=Q(status__in=(1, 3, 7))),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def changes(self) -> int:
        return self.created + self.updated

    @property
    def undo_refusal(self) -> Reason | None:
        """Why it was not undone, the last time that somebody asked; the last of the notes."""
        tried = self.status in self.UNDOABLE and self.status_before_undo is not None
        if tried and self.notes and self.notes[-1]["code"] in UNDO_REFUSALS:
            return Reason(**self.notes[-1])
        return None

    @property
    def file_notes(self) -> list[Reason]:
        return [Reason(**note) for note in self.notes if note["code"] not in UNDO_REFUSALS]

    @property
    def is_undoable(self) -> bool:
        return self.status in self.UNDOABLE and self.changes > 0

    @property
    def awaits_word_on_repeats(self) -> bool:
        """Whether a person has to say first if rows are payments that were booked before."""
        asked = any(note["code"] == Code.TOP_UPS_REPEATED for note in self.notes)
        return asked and not self.repeated_rows

    def check_again(self, **choices: str | bool) -> bool:
        """What the report says is no longer so, or a person chose otherwise after it. Returns False
        where it is no longer open."""
        checked = ImportJob.objects.filter(status=self.Status.CHECKED)
        return self.move(checked, status=self.Status.CHECKING, attempts=0, notes=[], **choices)

    def start_import(self, *, partial: bool) -> bool:
        """A person confirmed the check's report. Returns False where somebody did before."""
        waiting = ImportJob.objects.filter(status=self.Status.CHECKED)
        anew = dict.fromkeys(("done", *self.COUNTS), 0)
        importing = self.Status.IMPORTING
        return self.move(waiting, status=importing, partial=partial, start_date=Now(), **anew)

    def start_undo(self, actor: User, language: str = "") -> bool:
        """Returns False where somebody confirmed it before, or it is not over."""
        return self.move(
            ImportJob.objects.free().filter(status__in=self.UNDOABLE),
            status_before_undo=F("status"),
            status=self.Status.UNDOING,
            undoer=actor,
            language=language,
            attempts=0,
        )


class FilePart(models.Model):
    """A part of a job's file, from its byte `start` on (core/importing/store.py). A job's files
    bear the name of its folder; an upload is there before its job is."""

    folder = models.CharField(max_length=32)
    name = models.CharField(max_length=16)
    start = models.PositiveBigIntegerField()
    data = models.BinaryField()
    create_date = created_field()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["folder", "name", "start"], name="file_part_once"),
        ]
        indexes = [models.Index(fields=["create_date"], name="file_part_oldest")]
