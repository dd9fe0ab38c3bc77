"""What people hold back: the page of all pauses, the banner while the whole office is paused, and a
site's buttons. An order's own pause has its buttons on the order's page."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import ordering
from core.admin.base import Button, DeskAdmin, staff
from core.admin.views import require
from core.models import Order, OrderError, Pause, Site
from core.pages import display
from core.permissions import Right, may

PAUSES_SHOWN = 50


def banner(request: HttpRequest) -> Pause | None:
    """The pause of the whole office; None for visitors."""
    return Pause.objects.in_force().office if request.user.is_staff else None


def pauses_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    user = staff(request)
    shown = Pause.objects.select_related("site", "creator", "ended_by")
    may_pause = may(user, Right.PAUSE_OFFICE)
    context |= {
        "title": _("Pauses"),
        "active": shown.active(),
        "ended": shown.exclude(end_date=None)[:PAUSES_SHOWN],
        "buttons": office_buttons(Pause.objects.in_force().office) if may_pause else [],
    }
    return TemplateResponse(request, "desk/pauses.html", context)


@require_POST
def office_view(request: HttpRequest, what: str) -> HttpResponse:
    user = staff(request)
    require(may(user, Right.PAUSE_OFFICE))
    if what not in ("pause", "resume", "catch_up"):
        raise Http404
    try:
        if what == "pause":
            Pause.objects.begin(None, user, request.POST.get("reason", ""))
            text = _("The whole office is paused: nothing is sent until somebody resumes it.")
        else:
            end(None, request, shift=what == "resume")
            text = _("The office has resumed.")
    except OrderError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, text)
    return redirect("admin:pauses")


def end(site: Site | None, request: HttpRequest, *, shift: bool) -> None:
    """Raises OrderError if nobody paused it. `site`: None for the whole office."""
    pause = Pause.objects.active().filter(site=site).first()
    if pause is None:
        raise OrderError(_("Nobody paused it."))
    pause.end(staff(request), shift=shift)


def office_buttons(pause: Pause | None) -> list[Button]:
    def url(what: str) -> str:
        return reverse("admin:pause_office", args=[what])

    confirm = _("Pause the whole office? Nothing is sent to any site until somebody resumes it.")
    pausing = Button(_("Pause the whole office"), url("pause"), "danger", True, confirm)
    return pause_or_resume(url, pausing, is_paused=pause is not None)


def site_buttons(site: Site, is_paused: bool) -> list[Button]:
    def url(what: str) -> str:
        return reverse(f"admin:core_site_{what}", args=[site.pk])

    confirm = _("Pause this site? Nothing is sent to it until somebody resumes it.")
    pausing = Button(_("Pause"), url("pause"), "warning", True, confirm)
    return pause_or_resume(url, pausing, is_paused=is_paused)


def pause_or_resume(url: Callable[[str], str], pausing: Button, *, is_paused: bool) -> list[Button]:
    """For a site or the office: the button that pauses, or both ways to go on."""
    if not is_paused:
        return [replace(pausing, ask=_("Reason (your colleagues see it)"), needed=True)]
    return [
        Button(label, url(what), "success", True, confirm) for what, label, confirm in resuming()
    ]


def resuming() -> list[tuple[str, str, str]]:
    """Both ways to go on: the action's name, the button's label, its question."""
    return [
        (
            "resume",
            _("Resume"),
            _("Resume? Orders that are spread over hours end later by the length of the pause."),
        ),
        (
            "catch_up",
            _("Resume and catch up"),
            _("Resume? Orders that are spread over hours catch up at once on what they missed."),
        ),
    ]


class PausingSitesAdmin(DeskAdmin):
    def pause_buttons(self, site: Site) -> list[Button]:
        return site_buttons(site, Pause.objects.active().filter(site=site).exists())

    def pause(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        reason = request.POST.get("reason", "")
        Pause.objects.begin(site, staff(request), reason)
        text = _("The site is paused: nothing is sent to it. Reason: %(why)s")
        return text % {"why": reason.strip()}, messages.SUCCESS

    def resume(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        end(site, request, shift=True)
        text = _("The site has resumed; plans end later by the length of the pause.")
        return text, messages.SUCCESS

    def catch_up(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        end(site, request, shift=False)
        return _("The site has resumed; plans catch up."), messages.SUCCESS


class PausingOrdersAdmin(DeskAdmin):
    def pause_buttons(self, request: HttpRequest, order: Order) -> list[Button]:
        confirm, ask = _("Pause this order until somebody resumes it?"), _("Reason")
        found = self.offer(request, order, "pause", _("Pause"), "warning", confirm, ask=ask)
        # An order is late only if its plan began.
        is_late = bool(order.hours and order.start_date and order.is_paused_by_people)
        for what, label, confirm in resuming() if is_late else [("resume", _("Resume"), "")]:
            found += self.offer(request, order, what, label, "success", confirm)
        return found

    def pause(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.pause(order, staff(request), request.POST.get("reason", "").strip())
        if order.pause_requested:
            return _("The order is being paused; this takes a moment."), messages.SUCCESS
        return _("The order is paused."), messages.SUCCESS

    def resume(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.resume(order, staff(request), shift=True)
        return _("The order has resumed."), messages.SUCCESS

    def catch_up(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.resume(order, staff(request), shift=False)
        return _("The order has resumed and catches up."), messages.SUCCESS


def told(pause: Pause) -> str:
    text = _("The site is paused since %(since)s by %(who)s: %(why)s")
    if pause.site_id is None:
        text = _("The whole office is paused since %(since)s by %(who)s: %(why)s")
    facts = {"who": pause.creator or "–", "why": pause.reason}
    return text % {"since": display.moment(pause.create_date), **facts}
