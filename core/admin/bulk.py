"""The page of a bulk action. Everybody who may see bulk actions sees what was done; only the person
who chose the rows can confirm."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import (
    get_language,
    gettext as _,
    gettext_lazy,
    ngettext,
    ngettext_lazy,
    override,
)

from core import money, tasks
from core.admin import cells
from core.admin.actions import BUTTONS
from core.admin.base import Button, staff
from core.admin.jobs import JobAdmin
from core.admin.views import address, require
from core.bulk import jobs
from core.bulk.action import BulkAction
from core.bulk.jobs import ACTIONS
from core.bulk.selection import BLOCK
from core.db.blocks import in_blocks
from core.db.formulas import escape_formula
from core.exporting.downloads import file_answer
from core.exporting.lists import csv_of
from core.live.sources import jobs as feed
from core.models import BulkJob, Customer, User, label_of
from core.ordering.equal_top_ups import RECENT_DAYS, equal_amounts
from core.pages import display
from core.pages.amounts import AmountField
from core.permissions import Right, may
from core.reasons import reason_of, translate

Action = BulkJob.Action

# Rows that are done before the page returns; the consumers do more.
SMALL = 200
# Customers whose names are shown.
NAMED = 5


class FillForm(forms.ModelForm):
    each = AmountField(
        label=gettext_lazy("Amount for each"), min_value=money.CENT, max_digits=10, decimal_places=2
    )
    note = forms.CharField(label=gettext_lazy("Memo"), max_length=200, required=False)

    class Meta:
        model = BulkJob
        fields = ("each", "note")


@admin.register(BulkJob)
class BulkJobAdmin(JobAdmin):
    source = feed.bulk
    panel_template = "desk/bulk_panel.html"
    object_actions = dict.fromkeys(("start", "stop"))
    list_display = (
        *("id", "shown_action", "state", "rows", "changed_rows", "refused_rows"),
        *("shown_amount", "creator", "create_date"),
    )
    rows = cells.number(gettext_lazy("rows"), "total", "total")
    changed_rows = cells.number(gettext_lazy("changed"), "changed", "changed")
    refused_rows = cells.number(gettext_lazy("refused rows"), "refused", "refused")
    shown_action = cells.shown(
        gettext_lazy("action"), BulkJob.get_action_display, ordering="action"
    )
    list_display_links = ("id", "shown_action")
    list_filter = ("action", "status")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether the user may change this action. Without an object: whether they may have any."""
        user = staff(request)
        if isinstance(obj, BulkJob):
            return may(user, Right.STOP_BULK_ACTION, obj)
        return any(may(user, action.right) for action in ACTIONS.values())

    def buttons(self, request: HttpRequest, obj: BulkJob) -> list[Button]:
        found = []
        if not obj.is_final and self.has_change_permission(request, obj):
            if obj.status == BulkJob.Status.WAITING:
                found.append(self.post_button(obj, "stop", _("Discard")))
            elif not obj.stop_requested:
                confirm = _("Stop this action? Rows already changed stay changed.")
                found.append(self.post_button(obj, "stop", _("Stop"), "warning", confirm))
        if action := action_of(obj):
            model = action.model._meta.model_name
            url = f"{reverse(f'admin:core_{model}_changelist')}?{obj.query}"
            found.append(Button(_("Back to the list"), url))
        return found

    @address("<int:pk>/fill/", "fill", post=True)
    def fill_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.changed_or_404(request, pk)
        require(may_start(staff(request), job))
        self.fill(request, job)
        return redirect("admin:core_bulkjob_change", pk)

    def fill(self, request: HttpRequest, job: BulkJob) -> bool:
        """Keep what the fields say, or show their errors."""
        form = FillForm(request.POST)
        if not form.is_valid():
            for name, errors in form.errors.items():
                text = f"{form.fields[name].label}: {' '.join(map(str, errors))}"
                self.message_user(request, text, messages.ERROR)
            return False
        waiting = BulkJob.objects.filter(pk=job.pk, status=BulkJob.Status.WAITING)
        waiting.update(each=form.cleaned_data["each"], note=form.cleaned_data["note"])
        job.refresh_from_db()
        return True

    def start(self, request: HttpRequest, job: BulkJob) -> tuple[str, int]:
        """Do once what the page showed, however often the button is pressed. The fields decide: if
        they differ from what the question named, it is asked again."""
        require(may_start(staff(request), job))
        asked, note = job.each, request.POST.get("note", "").strip()
        if ACTIONS[job.action].asks_amount:
            if job.status == BulkJob.Status.WAITING and not self.fill(request, job):
                return _("Nothing was done."), messages.WARNING
            if job.each != asked or request.POST.get("asked") != str(asked):
                return _("The amount has changed; check it and confirm."), messages.WARNING
        if not job.start(note, each=asked, again="again" in request.POST):
            return _("This action was already started; nothing was done twice."), messages.WARNING
        if job.total > SMALL:
            tasks.wake_bulk(job.pk)
            return _("Started."), messages.SUCCESS
        jobs.run(job.pk)
        job.refresh_from_db()
        done, refused = display.number(job.changed), display.number(job.refused)
        text = _("%(changed)s done, %(refused)s refused.") % {"changed": done, "refused": refused}
        return text, messages.WARNING if job.refused else messages.SUCCESS

    def stop(self, request: HttpRequest, job: BulkJob) -> tuple[str, int]:
        if not job.is_stoppable:
            return _("It has already ended."), messages.WARNING
        if job.cancel():
            return _("Stopped. Rows already changed stay changed."), messages.SUCCESS
        job.ask_to_stop()
        return _("Stopping; this takes a moment."), messages.SUCCESS

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        job: BulkJob = obj
        context = super().page_context(request, job)
        if job.status == BulkJob.Status.WAITING and may_start(staff(request), job):
            context["confirmation"] = confirmation_of(job)
        context["title"] = context["subtitle"] = str(job)
        return context

    def panel_context(self, request: HttpRequest, job: BulkJob) -> dict[str, Any]:
        refusals = job.refusals.all()[: feed.REFUSALS_SHOWN] if job.refused else []
        if not (action := action_of(job)):
            return {"is_known": False, "refusals": refusals}
        return {
            "is_known": True,
            "sum_label": _("Price") if action.sum_of == "price" else _("Balance"),
            "lines": [
                (
                    group_label(action, group),
                    display.number(number),
                    display.money(Decimal(total)),
                    group in action.groups,
                )
                for group, number, total in job.summary
            ],
            "refusals": refusals,
            "change_page": f"admin:core_{action.model._meta.model_name}_change",
        }

    @address("<int:pk>/refused.csv", "refused")
    def refused_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        job = self.seen_or_404(request, pk)
        chunks = csv_of(
            ("name", "code", "reason"), in_blocks(refused_rows(job, get_language()), BLOCK)
        )
        return file_answer(request, f"bulk-action-{job.pk}-refused.csv", chunks)

    @admin.display(description=gettext_lazy("amount"))
    def shown_amount(self, job: BulkJob) -> str:
        return super().shown_amount(job) if job.amount else "–"


def refused_rows(job: BulkJob, language: str | None) -> Iterator[tuple[str, str, str]]:
    """The name, the code for programs, and the reason in the given language."""
    for row in job.refusals.order_by("pk").iterator(chunk_size=2_000):
        with override(language):
            words = translate(reason_of(row))
        yield escape_formula(row.name), row.reason_code, escape_formula(words)


def action_of(job: BulkJob) -> type[BulkAction] | None:
    """None: a later release that runs beside this one offers it, shows its rows and does it."""
    return ACTIONS.get(job.action)


def may_start(user: User, job: BulkJob) -> bool:
    """Only the person who chose the rows may start: it is done in their name."""
    action = action_of(job)
    is_own = may(user, Right.START_BULK_ACTION, job)
    return is_own and action is not None and may(user, action.right)


def group_label(action: type[BulkAction], group: Any) -> str:
    if action.group == "status":
        return label_of(group)
    return _("active") if group else _("switched off")


def confirmation_of(job: BulkJob) -> dict[str, Any]:
    action = ACTIONS[job.action]
    taken = [
        (number, Decimal(total)) for group, number, total in job.summary if group in action.groups
    ]
    number = sum(number for number, _total in taken)
    each = job.each
    return {
        "number": number,
        "shown": display.number(number),
        "others": display.number(job.total - number) if job.total > number else "",
        "verb": BUTTONS[job.action][0],
        "tone": BUTTONS[job.action][1],
        "question": question_of(job, number, sum((total for _n, total in taken), Decimal(0))),
        "form": FillForm(instance=job) if action.asks_amount else None,
        "each": "" if each is None else str(each),
        "equal": "" if each is None else equal_question(job, each),
        "is_ready": bool(number) and (not action.asks_amount or each is not None),
        "asks_note": job.action in (Action.CANCEL, Action.PAUSE),
    }


def equal_question(job: BulkJob, each: Decimal) -> str:
    """Names customers who lately got the same amount; "" if there are none."""
    number, names = 0, list[str]()
    for ids in job.blocks.order_by("number").values_list("ids", flat=True):
        equal = Customer.objects.filter(pk__in=equal_amounts(ids, each), active=True)
        number += len(found := equal.order_by("pk").values_list("username", flat=True))
        names += found[: NAMED - len(names)]
    text = ngettext(
        "%(number)s of them got a top-up of %(each)s in the last %(days)s days: %(names)s",
        "%(number)s of them got a top-up of %(each)s in the last %(days)s days: %(names)s",
        number,
    )
    facts = {"number": display.number(number), "each": display.money(each), "days": RECENT_DAYS}
    more = ", …" if number > NAMED else ""
    return text % {**facts, "names": ", ".join(names) + more} if number else ""


def question_of(job: BulkJob, number: int, total: Decimal) -> str:
    text = QUESTIONS[job.action]
    each = ""
    if job.action == Action.TOP_UP and job.each is None:
        text = HOW_MUCH
    elif job.each is not None:
        each, total = display.money(job.each), job.each * number
    shown = {"number": display.number(number), "total": display.money(total), "each": each}
    return str(text % {"rows": number, **shown})


# "rows" chooses the plural form; "number" is shown.
QUESTIONS: dict[int, Any] = {
    Action.CANCEL: ngettext_lazy(
        "Cancel %(number)s order for which %(total)s was paid, and refund what was not delivered?",
        "Cancel %(number)s orders for which %(total)s was paid, and refund what was not delivered?",
        "rows",
    ),
    Action.PAUSE: ngettext_lazy(
        "Pause %(number)s order worth %(total)s?",
        "Pause %(number)s orders worth %(total)s?",
        "rows",
    ),
    Action.RESUME: ngettext_lazy(
        "Resume %(number)s order worth %(total)s? If it is spread over hours, it ends "
        "later by the time it was paused.",
        "Resume %(number)s orders worth %(total)s? Those spread over hours end later by "
        "the time they were paused.",
        "rows",
    ),
    Action.CATCH_UP: ngettext_lazy(
        "Resume %(number)s order worth %(total)s? If it is spread over hours, it catches "
        "up at once.",
        "Resume %(number)s orders worth %(total)s? Those spread over hours catch up at once.",
        "rows",
    ),
    Action.RETRY: ngettext_lazy(
        "Retry %(number)s order worth %(total)s now?",
        "Retry %(number)s orders worth %(total)s now?",
        "rows",
    ),
    Action.APPROVE: ngettext_lazy(
        "Approve %(number)s order worth %(total)s?",
        "Approve %(number)s orders worth %(total)s?",
        "rows",
    ),
    Action.TOP_UP: ngettext_lazy(
        "Top up %(number)s customer with %(each)s: %(total)s in all?",
        "Top up %(number)s customers with %(each)s each: %(total)s in all?",
        "rows",
    ),
    Action.ACTIVATE: ngettext_lazy(
        "Switch on %(number)s customer, whose balance is %(total)s?",
        "Switch on %(number)s customers, whose balances are %(total)s in all?",
        "rows",
    ),
    Action.DEACTIVATE: ngettext_lazy(
        "Switch off %(number)s customer, whose balance is %(total)s?",
        "Switch off %(number)s customers, whose balances are %(total)s in all?",
        "rows",
    ),
}
HOW_MUCH = ngettext_lazy(
    "Top up %(number)s customer with how much?",
    "Top up %(number)s customers with how much each?",
    "rows",
)
