"""The queue page: what each worker drives, what is due and for how long, and how the sites are.
core/reports/queue.py has the figures; the buttons belong to other pages."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from core.admin import pauses
from core.admin.base import Button, list_url, row_url, staff
from core.admin.breakers import hold_of, probe_buttons
from core.admin.learned import limits_of, when_of
from core.models import Status, User
from core.pages import display
from core.permissions import Right, may
from core.reports.queue import Queue, SiteLine, WorkerLine, queue


def queue_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    user = staff(request)
    found = queue()
    context |= {
        "title": _("Queue"),
        "moment": localtime(found.moment),
        "figures": figures_of(found),
        "workers": [worker_row(line) for line in found.workers],
        "buttons": buttons_of(found, user),
    }
    if may(user, Right.SEE_SITES):
        context |= {
            "sites": [site_row(line, user) for line in found.sites],
            "more_sites": found.more_sites,
        }
    return TemplateResponse(request, "desk/queue.html", context)


def figures_of(found: Queue) -> list[tuple[str, str]]:
    due, living = found.due, sum(line.is_alive for line in found.workers)
    orders = display.number(due.orders)
    if due.more:
        orders = _("more than %(orders)s") % {"orders": orders}
    oldest = None if due.oldest is None else due.oldest.total_seconds()
    messages = _("cannot be reached") if found.messages is None else display.number(found.messages)
    return [
        (_("Workers"), display.number(living)),
        (_("Orders due"), orders),
        (_("Oldest due for"), display.duration(oldest)),
        (_("Messages in the queue"), messages),
    ]


def buttons_of(found: Queue, user: User) -> list[Button]:
    buttons = [Button(_("Refresh"), reverse("admin:queue"), "primary")]
    if may(user, Right.SEE_SITES):
        buttons.append(Button(_("Pauses"), reverse("admin:pauses")))
    if may(user, Right.PAUSE_OFFICE):
        buttons += pauses.office_buttons(found.office)
    return buttons


def worker_row(line: WorkerLine) -> dict[str, Any]:
    if not line.is_alive:
        state = display.tag(_("silent"), "bad")
    elif not line.queue_is_up:
        state = display.tag(_("cannot reach the queue"), "warn")
    else:
        state = display.tag(_("alive"), "good")
    return {
        "name": line.name,
        "state": state,
        "started": line.started,
        "figures": [display.number(one) for one in (line.orders, line.in_flight, line.left)],
    }


def site_row(line: SiteLine, user: User) -> dict[str, Any]:
    site = line.site
    state, why = hold_of(site, line.pause)
    if not site.verified:
        state = display.tag(_("not verified"), "bad")
    buttons = []
    if line.pause is None and may(user, Right.PROBE_SITE):
        buttons += probe_buttons(site)
    if may(user, Right.PAUSE_SITE):
        buttons += pauses.site_buttons(site, line.pause is not None)
    return {
        "name": site.name,
        "url": row_url("site", site.pk),
        "state": state,
        "why": why,
        "learned": limits_of(site),
        "when": when_of(site),
        "orders": [
            (display.number(number), list_url("order", site__id__exact=site.pk, status__exact=one))
            for one, number in (
                (Status.RUNNING.value, line.running),
                (Status.PENDING.value, line.pending),
                (Status.VERIFYING.value, line.verifying),
            )
        ],
        "buttons": buttons,
    }
