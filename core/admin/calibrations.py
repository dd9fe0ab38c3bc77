"""Calibrations: the list, the page of one while it runs, and the part on the page of a site."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _, gettext_lazy

from booster.proof.calibration import GRAVE, FindingCode
from core import ordering
from core.admin import cells
from core.admin.add_form import AddFormAdmin
from core.admin.base import Button, DeskAdmin, row_url, staff
from core.admin.views import address, require
from core.models import Calibration, OrderError, Site
from core.models.calibrations import SETTINGS
from core.ordering.calibrations import stop_calibration
from core.pages import audits, display
from core.pages.idempotent_forms import IdempotentForm
from core.permissions import Right, may
from core.reasons import translate

REFRESH_SECONDS = "3"
LAG_WORTH_A_WORD = 15  # seconds
LABELS = {
    "max_connections": gettext_lazy("Most connections"),
    "max_rate": gettext_lazy("Most plays a second"),
    "resend_percent": gettext_lazy("Resend limit, percent"),
    "counts_readings": gettext_lazy("Counts readings"),
    "learned_lag": gettext_lazy("Counter lag in seconds"),
}


class AuditForm(IdempotentForm):
    bought = ("customer", "url", "price")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("customer", "price"):
            self.fields[name].required = True

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.recognize() and not self.errors:
            try:
                self.video = ordering.find_video(cleaned["url"])
            except ordering.OrderRefusedError as error:
                self.refuse(error.errors)
        return cleaned


@admin.register(Calibration)
class CalibrationAdmin(AddFormAdmin):
    """Without a customer they begin on the page of their site; with one they are audits."""

    list_display = ("create_date", "site", "customer", "state", "shown_findings", "creator")
    state = cells.shown(gettext_lazy("status"), audits.state_of, ordering="status")
    shown_findings = cells.shown(
        gettext_lazy("findings"), lambda row: " ".join(map(translate, row.reasons))
    )
    list_select_related = ("site", "customer", "creator")
    list_filter = ("status", "site")
    sortable_by = ("create_date",)
    autocomplete_fields = ("customer",)
    change_form_template = "desk/calibration.html"
    object_actions = dict.fromkeys(("stop", "take"), Right.CALIBRATE_SITE)
    view_right = Right.SEE_SITES

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(staff(request), Right.SELL_AUDIT)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ("customer", "url", "price")})] if obj is None else []

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        require(self.has_add_permission(request))
        form = self.add_form(request, AuditForm)

        def sell() -> Calibration:
            bought = {name: form.cleaned_data[name] for name in (*form.bought, "request_key")}
            return ordering.sell_audit(form.video, actor=staff(request), **bought)

        return self.save_once(request, form, sell, title=_("Sell an audit"))

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().change_view(request, *args, **kwargs)
        original = (getattr(response, "context_data", None) or {}).get("original")
        if original is not None and not original.is_final:
            response["Refresh"] = REFRESH_SECONDS
        return response

    def buttons(self, request: HttpRequest, obj: Calibration) -> list[Button]:
        found = [Button(_("Site"), row_url("site", obj.site_id))]
        if not may(staff(request), Right.CALIBRATE_SITE):
            return found
        if not obj.is_final:
            ask = _("Stop after the current step?")
            found.append(self.post_button(obj, "stop", _("Stop"), "danger", ask))
        elif obj.status == Calibration.Status.DONE and not obj.taken_at and proposals(obj):
            take = _("Apply these settings")
            found.append(self.post_button(obj, "take", take, tone="primary"))
        return found

    def stop(self, request: HttpRequest, obj: Calibration) -> tuple[str, int]:
        if stop_calibration(obj):
            return _("The calibration is stopping; its findings so far are kept."), messages.SUCCESS
        return _("The calibration has already ended."), messages.WARNING

    def take(self, request: HttpRequest, obj: Calibration) -> tuple[str, int]:
        changed = obj.take_settings(staff(request))
        if not changed:
            return _("The site already has these settings."), messages.SUCCESS
        told = ", ".join(f"{LABELS[name]} {shown(value)}" for name, value in changed.items())
        return _("The site's settings are now: %(told)s") % {"told": told}, messages.SUCCESS

    def page_context(self, request: HttpRequest, obj: Calibration | None) -> dict[str, Any]:
        if obj is None:
            return super().page_context(request, obj)
        return {
            **super().page_context(request, obj),
            **audits.report_of(obj),
            "title": _("Audit") if obj.customer_id else _("Calibration"),
            "proposed": proposals(obj),
            "advice": advice_on_lag(obj),
        }


def proposals(obj: Calibration) -> list[tuple[str, str, str]]:
    """Label, the site's value, the proposed value."""
    rows = ((name, obj.settings[name]) for name in SETTINGS if name in obj.settings)
    return [(str(LABELS[name]), shown(getattr(obj.site, name)), shown(new)) for name, new in rows]


def advice_on_lag(obj: Calibration) -> str:
    """Warns if orders wait for a counter that showed every play at once: meanwhile views of other
    people may come in. "" if there is nothing to warn of."""
    kept = (obj.site.recipe or {}).get("settle_seconds", 0)
    took = max(obj.settings.get("learned_lag", 0), 1)
    counts_all = any(row.code == FindingCode.COUNTS_ALL for row in obj.reasons)
    if not counts_all or not isinstance(kept, int) or kept <= max(took, LAG_WORTH_A_WORD):
        return ""
    return _(
        "The recipe makes each order wait %(kept)s seconds for the counter, which "
        "showed the plays within %(took)s. The longer the wait, the harder it is to "
        "tell plays from other people's views: enter a shorter counter lag in the "
        "recipe."
    ) % {"kept": kept, "took": took}


def shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return display.number(round(value))


class CalibratingSites(DeskAdmin):
    def calibrate_button(self, site: Site) -> Button:
        question = _(
            "Send at most 60 plays to this video, in stages, to find out how the site "
            "counts? Nobody is charged. It takes a minute or two, or hours if the counter "
            "rarely moves. You can stop it at any time."
        )
        return self.video_button(site, "calibrate", _("Calibrate"), question)

    def video_button(self, site: Site, name: str, label: str, question: str) -> Button:
        asked: dict[str, Any] = {"ask": _("Video address"), "field": "url", "most": 500}
        return self.post_button(site, name, label, confirm=question, **asked)

    @address("<int:pk>/calibrate/", "calibrate", post=True)
    def calibrate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        site = self.seen_or_404(request, pk)
        require(may(staff(request), Right.CALIBRATE_SITE))
        try:
            calibration = ordering.calibrate(site, request.POST.get("url", ""), staff(request))
        except OrderError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(self.change_url(site))
        self.log_change(request, site, _("Calibration started: %(url)s") % {"url": calibration.url})
        return HttpResponseRedirect(row_url("calibration", calibration.pk))

    def waive(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        if site.waive_calibration():
            return _("Plays of this site may be sold without a calibration."), messages.WARNING
        return _("The site needs no calibration; there is nothing to waive."), messages.INFO


def counting_on(site: Site) -> dict[str, Any]:
    latest = Calibration.objects.latest_of(site)
    reasons = ordering.counting_of(site)
    return {
        "found": [translate(reason) for reason in reasons],
        "lag": lag_on(site),
        "is_grave": site.calibrated_at is None or any(row.code in GRAVE for row in reasons),
        "latest": latest,
        "url": row_url("calibration", latest.pk) if latest else "",
    }


def lag_on(site: Site) -> str:
    """A late counter delays the end of orders, and among other views they prove fewer plays."""
    if not site.learned_lag:
        return ""
    text = _("The counter was found to show plays up to %(took)s late; orders wait that long.")
    return text % {"took": display.duration(site.learned_lag)}
