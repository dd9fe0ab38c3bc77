"""Why an order stands still or ended short, and what a person can do about it: for the head of its
page. No queries; the events and names are in memory."""

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from core.models import Order, OrderEvent, Status
from core.pages import display
from core.reasons import reason_of, translate

# What nobody has to wait for any more, and what was not all delivered.
SHORT = (Status.FAILED, Status.PARTIAL)


def why_and_what(order: Order) -> tuple[str, str]:
    """A sentence each; "" where there is nothing to say."""
    if order.status == Status.PAUSED:
        return why_paused(order), what_when_paused(order)
    if order.status in SHORT:
        return why_ended(order), what_when_ended(order)
    if order.attempts and not order.is_final and order.due > timezone.now():
        text = _("The last attempt failed. The next one is at %(when)s.")
        return text % {"when": display.moment(order.due)}, _("“Retry now” does not wait for it.")
    return "", ""


def last_step(order: Order) -> OrderEvent | None:
    """That which brought it where it is."""
    steps = [event for event in order.events.all() if event.to_status == order.status]
    return steps[-1] if steps else None


def why_paused(order: Order) -> str:
    event = last_step(order)
    if event is None:
        return ""
    facts = {
        "when": display.moment(event.create_date),
        "who": event.creator or "–",
        "why": translate(reason_of(event)) or "–",
    }
    if order.held_by_site:
        return _("Paused since %(when)s: %(why)s") % facts
    return _("Paused since %(when)s by %(who)s: %(why)s") % facts


def what_when_paused(order: Order) -> str:
    if not order.held_by_site:
        return _("“Resume” lets it go on; “Cancel order” refunds what was not delivered.")
    site = reverse("admin:core_site_change", args=[order.site_id])
    text = _("Put the token back on {site}; the order goes on by itself as soon as it is found.")
    link = format_html('<a href="{}">{}</a>', site, order.site)
    return format_html(text, site=link)


def why_ended(order: Order) -> str:
    event = last_step(order)
    return translate(reason_of(event)) if event else ""


def what_when_ended(order: Order) -> str:
    """The remark of an order that ended short says what to change; see core/sentences/orders.py."""
    missing = order.count - (order.delivered or 0)
    text = _(
        "%(missing)s plays were not delivered; %(refund)s was refunded. Mend the cause, then place "
        "the rest by “Order again”."
    )
    facts = {"missing": display.number(missing), "refund": display.money(order.refunded)}
    return text % facts
