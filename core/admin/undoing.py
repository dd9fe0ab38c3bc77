"""Undoing an import on the desk: the button, and the page that says what it takes back and asks."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from core import tasks
from core.admin.base import Button, staff
from core.admin.jobs import JobAdmin
from core.admin.views import address, require
from core.importing import jobs
from core.importing.undoing.run import may_undo, undoer_of
from core.models import ImportJob
from core.pages import display
from core.reasons import Reason, translate
from core.sentences.undoing import UndoCode

# Done before the page is back; more are for the consumers.
MOST_AT_ONCE = 1_000
# Of more rows the page does not ask beforehand what depends on them; the run does.
MOST_ASKED = 10_000
QUESTIONS: Mapping[int, Any] = {
    ImportJob.Kind.CUSTOMERS: gettext_lazy(
        "The customers that this import made are switched off, and their opening balances taken "
        "back by a new entry each. Customers that it changed say again what they said before."
    ),
    ImportJob.Kind.CHARGES: gettext_lazy(
        "Each top-up of this import is corrected to 0, so that takings no longer count it; those "
        "that still wait for approval are declined."
    ),
    ImportJob.Kind.ORDERS: gettext_lazy(
        "Each order of this import is canceled and refunded in full."
    ),
}


class UndoingAdmin(JobAdmin):
    def undo_buttons(self, request: HttpRequest, job: ImportJob) -> list[Button]:
        if not job.is_undoable or not may_undo(staff(request), job):
            return []
        if not self.knows_rows(request, job):
            return []
        return [Button(_("Undo this import"), self.url_of("undo", job.pk), tone="danger")]

    def undo_note(self, request: HttpRequest, job: ImportJob) -> str:
        """Why there is no button, for who would have one."""
        if job.status != ImportJob.Status.DONE or not job.changes:
            return ""
        if not may_undo(staff(request), job) or self.knows_rows(request, job):
            return ""
        return translate(Reason.of(UndoCode.ROWS_UNKNOWN))

    def knows_rows(self, request: HttpRequest, job: ImportJob) -> bool:
        """Asked once a page: it counts."""
        if job.knows_rows is None:
            job.knows_rows = undoer_of(job, staff(request)).knows_rows()
        return job.knows_rows

    @address("<int:pk>/undo/", "undo")
    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What would be taken back, and what speaks against it; with the yes it is."""
        job = self.seen_or_404(request, pk)
        require(may_undo(staff(request), job))
        if not job.is_undoable:
            text = _("There is nothing to undo, or somebody else undoes it.")
            self.message_user(request, text, messages.WARNING)
            return redirect("admin:core_importjob_change", pk)
        if request.method == "POST":
            self.undo(request, job)
            return redirect("admin:core_importjob_change", pk)
        undoer = undoer_of(job, staff(request))
        objections = undoer.objections() if job.changes <= MOST_ASKED else []
        context = {
            "job": job,
            "question": QUESTIONS[job.kind],
            "figures": [(label, shown(figure)) for label, figure in undoer.figures()],
            "objections": [translate(reason) for reason in objections],
        }
        return self.own_page(request, "desk/undo_import.html", _("Undo this import"), **context)

    def undo(self, request: HttpRequest, job: ImportJob) -> None:
        """What came of it is told and kept in the job's history."""
        if not job.start_undo(staff(request), get_language() or ""):
            text = _("Somebody else began to undo it first.")
            self.message_user(request, text, messages.WARNING)
            return
        if job.changes <= MOST_AT_ONCE:
            jobs.run(job.pk)
        else:
            tasks.wake_import(job.pk)
        job.refresh_from_db()
        text, level = outcome(job)
        self.log_change(request, job, text)
        self.message_user(request, text, level)


def outcome(job: ImportJob) -> tuple[str, int]:
    if job.status == ImportJob.Status.UNDONE:
        return _("This import was undone."), messages.SUCCESS
    if job.status == ImportJob.Status.UNDOING:
        return _("Undoing started; this page shows when it is done."), messages.SUCCESS
    return translate(job.undo_refusal or ""), messages.ERROR


def shown(figure: Any) -> str:
    return display.money(figure) if isinstance(figure, Decimal) else display.number(figure)
