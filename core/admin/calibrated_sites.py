"""On the page of a site: begin a calibration, or sell without one; and what the latest found."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from booster.proof.calibration import GRAVE
from core import ordering
from core.admin.base import Button, DeskAdmin, row_url, staff
from core.admin.views import address, require
from core.models import Calibration, OrderError, Site
from core.permissions import Right, may
from core.reasons import translate


class CalibratingSites(DeskAdmin):
    def calibrate_button(self, site: Site) -> Button:
        question = _(
            "Send at most 60 plays to this video, in stages, and find out how the site counts "
            "them? Nobody pays for them. It takes a minute or two; hours where the counter "
            "moves seldom. You can stop it."
        )
        return self.video_button(site, "calibrate", _("Calibrate"), question)

    def video_button(self, site: Site, name: str, label: str, question: str) -> Button:
        asked = {"ask": _("Video address"), "field": "url", "most": 500}
        return self.post_button(site, name, label, confirm=question, **asked)

    def waive_button(self, site: Site) -> Button:
        look = {
            "tone": "warning",
            "confirm": _("Sell on this site without knowing what it will count of an order?"),
        }
        return self.post_button(site, "waive", _("Sell uncalibrated"), **look)

    @address("<int:pk>/calibrate/", "calibrate", post=True)
    def calibrate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        site = self.seen_or_404(request, pk)
        require(may(staff(request), Right.CALIBRATE_SITE))
        try:
            calibration = ordering.calibrate(site, request.POST.get("url", ""), staff(request))
        except OrderError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(self.change_url(site))
        self.log_change(request, site, _("Calibration begun: %(url)s") % {"url": calibration.url})
        return HttpResponseRedirect(row_url("calibration", calibration.pk))

    def waive(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        if site.waive_calibration():
            return _("The site may be sold without a calibration."), messages.WARNING
        return _("The site needs no calibration; there is nothing to waive."), messages.INFO


def counting_on(site: Site) -> dict[str, Any]:
    """What is known of how it counts."""
    latest = Calibration.objects.latest_of(site)
    reasons = ordering.counting_of(site)
    return {
        "found": [translate(reason) for reason in reasons],
        "is_grave": site.calibrated_at is None or any(row.code in GRAVE for row in reasons),
        "latest": latest,
        "url": row_url("calibration", latest.pk) if latest else "",
    }
