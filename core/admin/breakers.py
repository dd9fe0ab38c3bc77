"""How the desk shows a site that does not answer, and the orders that wait for it."""

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.models import Breaker, Order, Site, Status, open_breaker_of
from core.pages import display
from core.reasons import reason_of, translate

SENDING = (Status.PENDING, Status.RUNNING)


def sending_state(site: Site) -> SafeString:
    """Whether plays are sent to the site now, and since when and why not."""
    breaker = open_breaker_of(site)
    if breaker is None:
        return display.tag(_("yes"), "good")
    waiting = site.orders.filter(status__in=SENDING).count()
    return format_html(
        '{} <span class="desk-note">{} {}</span>',
        display.tag(_("on hold"), "bad"),
        _("Orders waiting: %(orders)s.") % {"orders": display.number(waiting)},
        told(breaker),
    )


def why_it_waits(order: Order) -> str:
    """Why an open order does not go on, where its site is the reason; "" otherwise."""
    breaker = open_breaker_of(order.site) if order.status in SENDING else None
    if breaker is None:
        return ""
    return _("Waiting for the site. %(why)s This does not count as a failed attempt.") % {
        "why": told(breaker)
    }


def told(breaker: Breaker) -> str:
    return _("It has not accepted plays since %(since)s: %(reason)s Next attempt at %(next)s.") % {
        "since": moment(breaker.opened_at),
        "reason": translate(reason_of(breaker)),
        "next": moment(breaker.probe_at),
    }


def moment(when: object) -> str:
    return date_format(timezone.localtime(when), "Y-m-d H:i:s")  # type: ignore[arg-type]
