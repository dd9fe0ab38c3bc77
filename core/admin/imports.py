"""Bulk uploads on the desk. Everybody who may see imports sees what was done; the rows and the
buttons belong to the person who uploaded the file, and to super administrators."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext as _, gettext_lazy

from core import tasks
from core.admin import cells
from core.admin.base import Button, staff
from core.admin.jobs import JobAdmin
from core.admin.views import address, require
from core.db.keys import key_of
from core.exporting.downloads import file_answer
from core.importing import jobs, signs, store
from core.importing.encodings import NAMES as ENCODING_NAMES, TEXT_ENCODINGS
from core.importing.jobs import IMPORTERS
from core.importing.preview import preview
from core.importing.undoing.run import may_undo, undoer_of
from core.live.sources import jobs as feed
from core.models import ApprovalLimit, ImportJob, User
from core.pages import display
from core.permissions import Right, may
from core.reasons import Reason, translate
from core.sentences.undoing import UndoCode

# These are done before the page returns; the consumers do larger files.
SMALL_BYTES = 50_000
SMALL_ROWS = 1_000
ERRORS_SHOWN = CHANGES_SHOWN = 100
MOST_PAGES = 1_000_000
MODELS: Mapping[int, str] = {
    ImportJob.Kind.CUSTOMERS: "customer",
    ImportJob.Kind.CHARGES: "chargerecord",
    ImportJob.Kind.ORDERS: "order",
}

# Rows that are undone before the page returns; the consumers undo more.
UNDONE_AT_ONCE = 1_000
# With more rows the page does not check beforehand what depends on them; the run does.
MOST_ASKED = 10_000
UNDO_QUESTIONS: Mapping[int, Any] = {
    ImportJob.Kind.CUSTOMERS: gettext_lazy(
        "Customers created by this import are switched off, and each opening balance "
        "is taken back by a new entry. Customers changed by it get their previous "
        "values back."
    ),
    ImportJob.Kind.CHARGES: gettext_lazy(
        "Each top-up of this import is corrected to 0, so that takings no longer count it; those "
        "that still wait for approval are declined."
    ),
    ImportJob.Kind.ORDERS: gettext_lazy(
        "Each order of this import is canceled and refunded in full."
    ),
}


# What a person may say about a file after its check: name in the address -> fields of the job.
CHOICES: dict[str, dict[str, str | bool]] = {
    "decimal-point": {"decimal_sign": "."},
    "decimal-comma": {"decimal_sign": ","},
    "update": {"update": True},
    "repeated-skip": {"repeated_rows": ImportJob.Repeated.SKIP},
    "repeated-again": {"repeated_rows": ImportJob.Repeated.AGAIN},
    **{f"encoding-{name}": {"chosen_encoding": name} for name in TEXT_ENCODINGS},
}


@admin.register(ImportJob)
class ImportJobAdmin(JobAdmin):
    source = feed.imports
    panel_template = "desk/import_panel.html"
    object_actions = dict.fromkeys(("load", "stop"))
    list_display = (
        *("file_name", "kind", "state", "rows", "created_rows", "updated_rows"),
        *("refused_rows", "shown_amount", "creator", "create_date"),
    )
    rows = cells.number(gettext_lazy("Rows"), "total", ordering="total")
    created_rows = cells.number(gettext_lazy("Created"), "created", ordering="created")
    updated_rows = cells.number(gettext_lazy("Updated"), "updated", ordering="updated")
    refused_rows = cells.number(gettext_lazy("Refused rows"), "rejected", ordering="rejected")
    list_filter = ("kind", "status")
    search_fields = ("file_name",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether the user may change these rows. Without an object: whether they may have any."""
        user = staff(request)
        if isinstance(obj, ImportJob):
            is_open = may(user, Right.OPEN_IMPORT, obj)
            return is_open and may_import(user, obj.kind, update=obj.update)
        return any(may_import(user, kind) for kind in MODELS)

    def buttons(self, request: HttpRequest, obj: ImportJob) -> list[Button]:
        if obj.is_final:
            return self.undo_buttons(request, obj)
        if not obj.is_stoppable or not self.has_change_permission(request, obj):
            return []
        found = []
        if obj.status == ImportJob.Status.CHECKED and obj.awaits_word_on_repeats:
            found += self.repeat_buttons(obj)
        elif obj.status == ImportJob.Status.CHECKED and obj.changes:
            number = {"number": display.number(obj.changes)}
            label = _("Import %(number)s rows") if not obj.rejected else _("Import valid rows")
            question = _("Import %(number)s rows now?")
            if obj.rejected:
                question = _("Import %(number)s rows now and return the others for correction?")
            look = {"tone": "primary", "confirm": f"{question % number} {money_text(obj)}".strip()}
            found.append(self.post_button(obj, "load", label % number, **look))
        look = {"tone": "warning", "confirm": _("Stop this import?")}
        found.append(self.post_button(obj, "stop", _("Cancel"), **look))
        return found

    def repeat_buttons(self, job: ImportJob) -> list[Button]:
        """Asks whether the rows in the note are payments that were booked before."""
        skip, again = (self.url_of("again", job.pk, f"repeated-{do}") for do in ("skip", "again"))
        ask = _("Credit these customers again? Only if they paid twice.")
        return [
            Button(_("Same payments: leave these rows out"), skip, "primary", post=True),
            Button(_("New payments: credit them again"), again, "warning", post=True, confirm=ask),
        ]

    def load(self, request: HttpRequest, job: ImportJob) -> tuple[str, int]:
        """Import all rows, or none if one became wrong since the check. If the file has refused
        rows, import the good ones."""
        if job.status == ImportJob.Status.CHECKED and jobs.have_prices_changed(job):
            if job.check_again():
                start(job)
            text = _("Prices changed since the check. Look at the new total before you import.")
            return text, messages.WARNING
        if job.awaits_word_on_repeats:
            text = _("First say whether these rows are payments that are already booked.")
            return text, messages.WARNING
        if not job.start_import(partial=job.rejected > 0):
            return _("This import was already started."), messages.WARNING
        start(job)
        return _("Import started."), messages.SUCCESS

    def stop(self, request: HttpRequest, job: ImportJob) -> tuple[str, int]:
        if not job.is_stoppable:
            return _("It has already ended."), messages.WARNING
        signs.ask_to_stop(job)
        if job.cancel():
            store.remove_upload(job)
            return _("Canceled. Rows already imported are kept."), messages.SUCCESS
        return _("Stopping; this takes a moment."), messages.SUCCESS

    @address("<int:pk>/again/<str:choice>/", "again", post=True)
    def again_view(self, request: HttpRequest, pk: int, choice: str) -> HttpResponse:
        job = self.changed_or_404(request, pk)
        if choice not in CHOICES:
            raise Http404
        if choice == "update" and not may_import(staff(request), job.kind, update=True):
            raise PermissionDenied
        if job.check_again(**CHOICES[choice]):
            start(job)
        else:
            self.message_user(request, _("This import was already started."), messages.WARNING)
        return redirect("admin:core_importjob_change", pk)

    @address("<int:pk>/errors/", "all_errors")
    def all_errors_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.seen_or_404(request, pk)
        require(may(staff(request), Right.OPEN_IMPORT, job))
        page = min(key_of(request.GET.get("page", "")) or 1, MOST_PAGES)
        skip = (page - 1) * ERRORS_SHOWN
        found = store.first_errors(job, ERRORS_SHOWN + 1, skip=skip)
        context = {
            "job": job,
            "errors": found[:ERRORS_SHOWN],
            "page": page,
            "before": page - 1,
            "after": page + 1 if len(found) > ERRORS_SHOWN else 0,
        }
        return self.own_page(request, "desk/import_errors.html", _("Refused rows"), **context)

    @address("<int:pk>/errors.csv", "errors")
    def errors_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return self.private_file(request, pk, store.ERRORS)

    @address("<int:pk>/refused.csv", "refused")
    def refused_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return self.private_file(request, pk, store.REFUSED)

    def private_file(self, request: HttpRequest, pk: int, name: str) -> HttpResponseBase:
        job = self.seen_or_404(request, pk)
        require(may(staff(request), Right.OPEN_IMPORT, job))
        if not store.has(job, name):
            raise Http404
        chunks = store.parts(job, name)
        return file_answer(request, f"{job.pk}-{name}", chunks, "text/csv; charset=utf-8")

    def panel_context(self, request: HttpRequest, job: ImportJob) -> dict[str, Any]:
        user = staff(request)
        is_open = may(user, Right.OPEN_IMPORT, job)
        is_mine = is_open and may_import(user, job.kind)
        is_checked = job.status == ImportJob.Status.CHECKED
        goes_on = may_import(user, job.kind) and job.is_final
        return {
            "nothing": is_checked and not job.changes,
            "again": goes_on and reverse(f"admin:core_{MODELS[job.kind]}_import"),
            "before": ImportJob.objects.imported_before(job) if is_checked else None,
            "notes": list(map(translate, job.file_notes)) if is_open else [],
            "undo_refusal": translate(job.undo_refusal or ""),
            "choices": choices_of(job, user) if is_checked and is_mine else [],
            "changes": store.first_changes(job, CHANGES_SHOWN) if is_checked and is_open else [],
            "more_errors": job.rejected > ERRORS_SHOWN,
            "preview": preview(job) if is_checked and is_open else None,
            "errors": store.first_errors(job, ERRORS_SHOWN) if job.rejected and is_open else [],
            "has_refused": is_open and store.has(job, store.REFUSED),
            "limit": limit_of(job) if is_checked else "",
            "undo_note": self.undo_note(request, job),
        }

    # --- undoing

    def undo_buttons(self, request: HttpRequest, job: ImportJob) -> list[Button]:
        user = staff(request)
        if not (job.is_undoable and may_undo(user, job) and self.knows_rows(request, job)):
            return []
        return [Button(_("Undo this import"), self.url_of("undo", job.pk), tone="danger")]

    def undo_note(self, request: HttpRequest, job: ImportJob) -> str:
        """Why a user who may undo has no button."""
        if job.status != ImportJob.Status.DONE or not job.changes:
            return ""
        if not may_undo(staff(request), job) or self.knows_rows(request, job):
            return ""
        return translate(Reason.of(UndoCode.ROWS_UNKNOWN))

    def knows_rows(self, request: HttpRequest, job: ImportJob) -> bool:
        """It counts rows, so it is asked once a page."""
        if job.knows_rows is None:
            job.knows_rows = undoer_of(job, staff(request)).knows_rows()
        return job.knows_rows

    @address("<int:pk>/undo/", "undo")
    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.seen_or_404(request, pk)
        require(may_undo(staff(request), job))
        if not job.is_undoable:
            text = _("There is nothing to undo, or somebody else is undoing it.")
            self.message_user(request, text, messages.WARNING)
            return redirect("admin:core_importjob_change", pk)
        if request.method == "POST":
            self.undo(request, job)
            return redirect("admin:core_importjob_change", pk)
        undoer = undoer_of(job, staff(request))
        objections = undoer.objections() if job.changes <= MOST_ASKED else []
        context = {
            "job": job,
            "question": UNDO_QUESTIONS[job.kind],
            "figures": [(label, shown(figure)) for label, figure in undoer.figures()],
            "objections": [translate(reason) for reason in objections],
        }
        return self.own_page(request, "desk/undo_import.html", _("Undo this import"), **context)

    def undo(self, request: HttpRequest, job: ImportJob) -> None:
        if not job.start_undo(staff(request), get_language() or ""):
            text = _("Somebody else started undoing it first.")
            self.message_user(request, text, messages.WARNING)
            return
        if job.changes <= UNDONE_AT_ONCE:
            jobs.run(job.pk)
        else:
            tasks.wake_import(job.pk)
        job.refresh_from_db()
        text, level = undo_outcome(job)
        self.log_change(request, job, text)
        self.message_user(request, text, level)


def start(job: ImportJob) -> None:
    """Do what is due: at once if that is quick, else by the consumers. The web never opens a
    workbook: only its reader finds out how large it is unpacked."""
    if job.size <= SMALL_BYTES and job.total <= SMALL_ROWS and store.is_text(job):
        jobs.run(job.pk)
    else:
        tasks.wake_import(job.pk)


def may_import(user: User, kind: int, *, update: bool = False) -> bool:
    """Only the later release that knows an import of another kind offers it."""
    return kind in IMPORTERS and may(user, jobs.right_to_import(kind, update=update))


def money_text(job: ImportJob) -> str:
    if not job.amount:
        return ""
    values = {"amount": display.money(job.amount), "number": display.number(job.created)}
    match job.kind:
        case ImportJob.Kind.CUSTOMERS:
            text = _("This credits opening balances of %(amount)s to %(number)s new customers.")
        case ImportJob.Kind.CHARGES:
            text = _("This credits %(amount)s in %(number)s top-ups.")
        case _:
            text = _("This charges %(amount)s for %(number)s orders.")
    return text % values


def choices_of(job: ImportJob, user: User) -> list[tuple[str, list[tuple[str, str]]]]:
    """Choices that may mend the whole file by one click: the question, and (address, answer) of
    each."""
    found = []
    if (job.encoding in TEXT_ENCODINGS and job.encoding != "utf-8") or job.chosen_encoding:
        names = [name for name in TEXT_ENCODINGS if name != job.encoding]
        answers = [(f"encoding-{name}", ENCODING_NAMES[name]) for name in names]
        found.append((_("Do words look wrong? Read the file as"), answers))
    if job.rejected and job.kind != ImportJob.Kind.ORDERS and not job.decimal_sign:
        answers = [
            ("decimal-comma", _("1.234,50: a comma before the cents")),
            ("decimal-point", _("1,234.50: a point before the cents")),
        ]
        found.append((_("Amounts of this file are written as"), answers))
    is_update = IMPORTERS[job.kind].updates and not job.update
    if job.rejected and is_update and may_import(user, job.kind, update=True):
        found.append((_("Rows of existing customers"), [("update", _("update them"))]))

    def sent_to(name: str) -> str:
        return reverse("admin:core_importjob_again", args=(job.pk, name))

    return [(asked, [(sent_to(name), label) for name, label in told]) for asked, told in found]


def limit_of(job: ImportJob) -> str:
    """The largest amount in the file that needs no approval; "" if there is no limit."""
    limit = None
    if job.kind == ImportJob.Kind.ORDERS:
        limit = ApprovalLimit.objects.of(job.creator)
    elif job.kind == ImportJob.Kind.CHARGES:
        limit = ApprovalLimit.objects.of_top_ups(job.creator)
    return "" if limit is None else display.money(limit)


def undo_outcome(job: ImportJob) -> tuple[str, int]:
    if job.status == ImportJob.Status.UNDONE:
        return _("This import was undone."), messages.SUCCESS
    if job.status == ImportJob.Status.UNDOING:
        return _("Undoing started; this page shows when it is done."), messages.SUCCESS
    return translate(job.undo_refusal or ""), messages.ERROR


def shown(figure: Any) -> str:
    return display.money(figure) if isinstance(figure, Decimal) else display.number(figure)
