"""Live jobs: "importjob:<id>" and "bulkjob:<id>".

State, progress and figures for everybody who may see the job, for the page as it opens and for each
change. When `doing` changes, the page asks for what differs by user (buttons, rows of an upload).
"""

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from core import live
from core.importing.signs import Signs, signs_of
from core.live.source import Asked, Audience, Authorized, ids_of
from core.models import BulkJob, ImportJob
from core.models.jobs import Job
from core.pages import display
from core.permissions import Right

# Refused rows named on a page; beyond that only their number changes.
REFUSALS_SHOWN = 100
ENCODINGS = {"utf-8-sig": "UTF-8 (BOM)", "xlsx": "Excel"}

OneJob = TypeVar("OneJob", bound=Job)


def progress_of(*, done: int, total: int, rows: int, seconds: float) -> dict[str, str]:
    """Percent, speed and time left: this pass did `rows` in `seconds`."""
    speed = rows / max(0.1, seconds)
    return {
        "percent": str(min(100, done * 100 // total)),
        "done": display.number(done),
        "total": display.number(total),
        "speed": display.number(round(speed)),
        "left": display.duration((total - done) / speed),
    }


class JobSource(live.StaffSource, Generic[OneJob]):
    """For a job's creator, and for those who may see all of its kind."""

    keys = None
    model: ClassVar[type[Job]]
    tones: ClassVar[Mapping[int, str]]

    def authorize(self, asked: Asked) -> Authorized:
        rows = self.model.objects.filter(pk__in=ids_of({key for _, key in asked})).order_by()
        creators = {str(pk): creator for pk, creator in rows.values_list("pk", "creator")}
        return {
            (user.pk, key): Audience.STAFF
            for user, key in asked
            if key in creators and user.is_staff
            if creators[key] == user.pk or self.is_for(user)
        }

    def versions(self, keys: Sequence[str]) -> Mapping[str, Hashable]:
        return {key: self.version(job) for key, job in self.load(keys).items()}

    def load(self, keys: Sequence[str]) -> Mapping[str, OneJob]:
        jobs: Any = self.model.objects.filter(pk__in=ids_of(keys))
        return {str(job.pk): job for job in jobs}

    def render(self, loaded: OneJob, audience: Audience) -> dict[str, Any]:
        state = {
            "state": self.state(loaded),
            "progress": self.progress(loaded) if loaded.status in loaded.WORKABLE else None,
            "is_stopping": self.is_stopping(loaded),
        }
        figures = {"figures": self.figures(loaded)}
        return {
            "state": render_to_string("desk/job_state.html", state),
            "figures": render_to_string("desk/figures.html", figures),
            "doing": self.doing(loaded),
        }

    def state(self, job: OneJob) -> SafeString:
        """A later release may set a status without a name here."""
        return display.tag(job.get_status_display(), self.tones.get(job.status, "off"))  # type: ignore[attr-defined]

    @abstractmethod
    def version(self, job: OneJob) -> Hashable:
        """All that moves."""

    @abstractmethod
    def doing(self, job: OneJob) -> str:
        """Changes when the rest of the page does."""

    @abstractmethod
    def is_stopping(self, job: OneJob) -> bool:
        """Whether somebody asked it to stop and it has not ended yet."""

    @abstractmethod
    def progress(self, job: OneJob) -> dict[str, str] | None:
        """None before its first rows."""

    @abstractmethod
    def figures(self, job: OneJob) -> list[tuple[str, str]]:
        """Labels with their values."""


class ImportJobs(JobSource[ImportJob]):
    """In a single transaction nobody sees the job's row change; its signs show the progress."""

    prefix = "importjob"
    right = Right.SEE_IMPORTS
    model = ImportJob
    tones: ClassVar[Mapping[int, str]] = {
        ImportJob.Status.CHECKING: "busy",
        ImportJob.Status.CHECKED: "waiting",
        ImportJob.Status.IMPORTING: "busy",
        ImportJob.Status.DONE: "good",
        ImportJob.Status.REFUSED: "bad",
        ImportJob.Status.CANCELED: "off",
        ImportJob.Status.UNDOING: "busy",
        ImportJob.Status.UNDONE: "off",
    }

    amounts: ClassVar[Mapping[int, Any]] = {
        ImportJob.Kind.CUSTOMERS: gettext_lazy("Opening balances"),
        ImportJob.Kind.ORDERS: gettext_lazy("Price"),
    }

    def load(self, keys: Sequence[str]) -> Mapping[str, ImportJob]:
        jobs = super().load(keys)
        found = signs_of(jobs.values())
        for job in jobs.values():
            job.signs = found[job.pk]
        return jobs

    def version(self, job: ImportJob) -> Hashable:
        counts = (getattr(job, name) for name in job.COUNTS)
        return (job.status, job.total, *counts, *self.signs(job).progress.values())

    def doing(self, job: ImportJob) -> str:
        return str(job.status)

    def is_stopping(self, job: ImportJob) -> bool:
        return self.signs(job).is_asked_to_stop and not job.is_final

    def progress(self, job: ImportJob) -> dict[str, str] | None:
        figures = self.signs(job).progress
        return progress_of(**figures) if figures.get("rows") and figures["total"] else None

    def signs(self, job: ImportJob) -> Signs:
        if job.signs is None:
            job.signs = signs_of([job])[job.pk]
        signs: Signs = job.signs
        return signs

    def figures(self, job: ImportJob) -> list[tuple[str, str]]:
        is_report = job.status in (ImportJob.Status.CHECKING, ImportJob.Status.CHECKED)
        return [
            (_("Rows"), display.number(job.total)),
            (_("To create") if is_report else _("Created"), display.number(job.created)),
            (_("To update") if is_report else _("Updated"), display.number(job.updated)),
            (_("Unchanged"), display.number(job.unchanged)),
            (_("Refused rows"), display.number(job.rejected)),
            (self.amounts.get(job.kind, _("Amount")), display.money(job.amount)),
            (_("Encoding"), ENCODINGS.get(job.encoding) or job.encoding.upper() or "–"),
        ]


class BulkJobs(JobSource[BulkJob]):
    prefix = "bulkjob"
    right = Right.SEE_BULK_ACTIONS
    model = BulkJob
    tones: ClassVar[Mapping[int, str]] = {
        BulkJob.Status.WAITING: "waiting",
        BulkJob.Status.RUNNING: "busy",
        BulkJob.Status.DONE: "good",
        BulkJob.Status.REFUSED: "bad",
        BulkJob.Status.CANCELED: "off",
    }

    def version(self, job: BulkJob) -> Hashable:
        return self.doing(job), job.done, job.changed, job.refused, job.each

    def doing(self, job: BulkJob) -> str:
        named = min(job.refused, REFUSALS_SHOWN)
        return f"{job.status}|{job.stop_requested}|{named}"

    def is_stopping(self, job: BulkJob) -> bool:
        return job.stop_requested and not job.is_final

    def progress(self, job: BulkJob) -> dict[str, str] | None:
        if not job.done or job.start_date is None:
            return None
        seconds = (timezone.now() - job.start_date).total_seconds()
        return progress_of(done=job.done, total=job.total, rows=job.done, seconds=seconds)

    def figures(self, job: BulkJob) -> list[tuple[str, str]]:
        found = [
            (_("Rows"), display.number(job.total)),
            (_("Done"), display.number(job.changed)),
            (_("Refused rows"), display.number(job.refused)),
        ]
        if job.each is not None:
            found.append((_("Amount for each"), display.money(job.each)))
        if job.action == BulkJob.Action.CANCEL:
            found.append((_("Refunded"), display.money(job.amount)))
        elif job.action == BulkJob.Action.TOP_UP:
            found.append((_("Topped up"), display.money(job.amount)))
        return found


imports = ImportJobs()
bulk = BulkJobs()
live.register(imports)
live.register(bulk)
