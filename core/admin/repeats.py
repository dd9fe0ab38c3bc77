"""Repeated orders: the form under an order, the list, and the result of each time."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format, time_format
from django.utils.safestring import SafeString
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _, gettext_lazy

from core import ordering
from core.admin import cells
from core.admin.base import Button, DeskAdmin, ViewOnlyAdmin, list_url, row_url, staff
from core.admin.listing import AttentionFilter
from core.admin.views import address, require
from core.models import Occurrence, Order, OrderError, Repeat, User
from core.pages import display
from core.permissions import Right, may
from core.reasons import reason_of, translate

TIMES_SHOWN = 100


def rhythm(repeat: Repeat) -> str:
    if repeat.every not in Repeat.Every.values:  # of a later release beside this one
        return repeat.get_every_display()
    at = time_format(repeat.at, "H:i")
    if repeat.weekday is None:
        return _("every day at %(time)s") % {"time": at}
    return _("every %(day)s at %(time)s") % {"day": WEEKDAYS[repeat.weekday], "time": at}


class RepeatForm(forms.ModelForm):
    """A weekly one without a weekday takes today's."""

    weekday = forms.TypedChoiceField(
        label=gettext_lazy("Weekday"),
        choices=list(WEEKDAYS.items()),
        coerce=int,
        required=False,
        empty_value=None,
        help_text=gettext_lazy("For every week."),
    )

    class Meta:
        model = Repeat
        fields = ("every", "weekday", "at", "until")
        widgets = {
            "at": forms.TimeInput({"type": "time"}, format="%H:%M"),
            "until": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["weekday"].initial = localdate().weekday()

    def clean_weekday(self) -> int:
        weekday: int | None = self.cleaned_data["weekday"]
        return localdate().weekday() if weekday is None else weekday


class RepeatingOrdersAdmin(DeskAdmin):
    def repeat_button(self, order: Order, user: User) -> list[Button]:
        """To the existing repeat, else to the form for a new one."""
        active = Repeat.objects.active().filter(order=order).first()
        if active is not None:
            return [Button(_("Repeat"), row_url("repeat", active.pk))]
        if may(user, Right.REPEAT_ORDER):
            return [Button(_("Repeat…"), self.url_of("repeat", order.pk))]
        return []

    @address("<int:pk>/repeat/", "repeat")
    def repeat_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        order: Order = self.seen_or_404(request, pk)
        require(may(staff(request), Right.REPEAT_ORDER))
        form = RepeatForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                made = ordering.repeat(order, staff(request), **form.cleaned_data)
            except OrderError as error:
                form.add_error(None, str(error))
            else:
                told = _("Repeated %(when)s.") % {"when": rhythm(made)}
                self.log_change(request, order, told)
                messages.success(request, told)
                return redirect(row_url("repeat", made.pk))
        context = {"order": order, "form": form, "back": self.change_url(order)}
        return self.own_page(request, "desk/repeat_new.html", _("Repeat"), **context)


@admin.register(Repeat)
class RepeatAdmin(ViewOnlyAdmin):
    change_form_template = "desk/repeat.html"
    object_actions = dict.fromkeys(("end", "seen"), Right.REPEAT_ORDER)
    view_right = Right.SEE_ORDERS
    list_display = ("number", "order_link", "customer", "when", "until", "state", "creator")
    number = cells.shown(gettext_lazy("number"), lambda repeat: f"#{repeat.pk}")
    order_link = cells.link(gettext_lazy("order"), "order")
    customer = cells.link(gettext_lazy("customer"), "order.customer")
    video = cells.shown(gettext_lazy("video address"), lambda row: display.link_out(row.order.url))
    plays = cells.number(gettext_lazy("plays"), "order.count")
    when = cells.shown(gettext_lazy("when"), rhythm)
    list_filter = (AttentionFilter,)
    sortable_by = ()
    fields = readonly_fields = (
        *("order_link", "customer", "video", "plays", "when", "until", "state"),
        *("creator", "create_date"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Repeat]:
        return super().get_queryset(request).select_related("order__customer", "creator")

    def buttons(self, request: HttpRequest, obj: Repeat) -> list[Button]:
        found = []
        if may(staff(request), Right.REPEAT_ORDER):
            if obj.occurrences.filter(needs_attention=True).exists():
                found.append(self.post_button(obj, "seen", _("Mark as seen"), tone="primary"))
            if obj.next_at is not None:
                look = {
                    "tone": "danger",
                    "confirm": _("End this repeat? No more orders will be placed."),
                }
                found.append(self.post_button(obj, "end", _("End"), **look))
        found.append(Button(_("Orders"), list_url("order", q=obj.order.customer.username)))
        return found

    def end(self, request: HttpRequest, repeat: Repeat) -> tuple[str, int]:
        ordering.end_repeat(repeat, staff(request))
        return _("The repeat has ended."), messages.SUCCESS

    def seen(self, request: HttpRequest, repeat: Repeat) -> tuple[str, int]:
        repeat.occurrences.filter(needs_attention=True).update(needs_attention=False)
        return _("Marked as seen."), messages.SUCCESS

    def page_context(self, request: HttpRequest, obj: Repeat | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        if obj is not None:
            times = obj.occurrences.select_related("order")[:TIMES_SHOWN]
            context["times"] = [(one, outcome_of(one)) for one in times]
        return context

    @admin.display(description=gettext_lazy("status"))
    def state(self, repeat: Repeat) -> SafeString:
        if repeat.occurrences.filter(needs_attention=True).exists():
            return display.tag(_("needs attention"), "bad")
        if repeat.next_at is None:
            why = translate(reason_of(repeat)) or str(repeat.ended_by or "")
            ended = _("ended: %(why)s") % {"why": why} if why else _("ended")
            return display.tag(ended, "off")
        following = date_format(localtime(repeat.next_at), "Y-m-d H:i")
        return display.tag(_("next: %(when)s") % {"when": following}, "good")


def outcome_of(one: Occurrence) -> SafeString:
    if one.order is not None:
        return display.link(row_url("order", one.order_id or 0), one.order)
    return display.tag(translate(reason_of(one)), "bad" if one.needs_attention else "off")
