"""How the desk shows a site that takes no plays now, with the orders that wait for it: people
paused it, it has quiet hours, or it does not answer."""

import time
from datetime import UTC, datetime

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from booster.delivery.plan import site_opens_at
from core.admin import pauses
from core.admin.base import Button
from core.models import Breaker, Order, Pause, Site, Status, open_breaker_of
from core.pages import display
from core.reasons import closed, reason_of, translate

SENDING = (Status.PENDING, Status.RUNNING)


def sending_state(site: Site) -> SafeString:
    """Whether plays are sent to the site now; if not, how many orders wait and why."""
    pause = next((one for one in site.pauses.all() if one.end_date is None), None)
    tag, why = hold_of(site, pause)
    if not why:
        return tag
    waiting = site.orders.filter(status__in=SENDING).count()
    orders = _("Orders waiting: %(orders)s.") % {"orders": display.number(waiting)}
    return note(tag, f"{orders} {why}")


def hold_of(site: Site, pause: Pause | None) -> tuple[SafeString, str]:
    """Whether plays are sent to the site now; if not, why, else "". `pause`: the site's own. Makes
    no query if the site was read with its breaker."""
    if pause:
        return display.tag(_("paused"), "warn"), pauses.told(pause)
    opens = site_opens_at(site, time.time())
    if opens > time.time():
        text = _("Quiet hours until %(until)s.") % {"until": moment_of(opens)}
        return display.tag(_("quiet"), "off"), text
    if breaker := open_breaker_of(site):
        return display.tag(_("down"), "bad"), told(breaker)
    return display.tag(_("yes"), "good"), ""


def probe_buttons(site: Site) -> list[Button]:
    if open_breaker_of(site) is None:
        return []
    url = reverse("admin:core_site_probe", args=[site.pk])
    return [Button(_("Try sending now"), url, "primary", post=True)]


def note(tag: SafeString, text: str) -> SafeString:
    return format_html('{} <span class="desk-note">{}</span>', tag, text)


def why_it_waits(order: Order, pause: Pause | None) -> str:
    """Why site or office holds an open order back; "" if neither. `pause`: the one of its site."""
    if order.status not in SENDING:
        return ""
    if pause:
        return pauses.told(pause)
    opens = site_opens_at(order.site, time.time())
    if opens > time.time():
        return _("The site has quiet hours until %(until)s.") % {"until": moment_of(opens)}
    breaker = open_breaker_of(order.site)
    if breaker is None:
        return ""
    return _("Waiting for the site. %(why)s This does not count as a failed attempt.") % {
        "why": told(breaker)
    }


def told(breaker: Breaker) -> str:
    return _(
        "The site has accepted no plays since %(since)s: %(reason)s Next attempt at %(next)s."
    ) % {
        "since": display.moment(breaker.opened_at),
        "reason": closed(translate(reason_of(breaker))),
        "next": display.moment(breaker.probe_at),
    }


def moment_of(seconds: float) -> str:
    """`seconds`: since the epoch."""
    return display.moment(datetime.fromtimestamp(seconds, UTC))
