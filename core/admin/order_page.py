"""An order's page during its delivery: written once, for the page as it opens and for every change
the feed brings. Only context_of() asks the database."""

from http import HTTPStatus
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from booster import sites
from booster.delivery.plan import deadline_of
from booster.exceptions import SiteError
from booster.retry import NOT_NOW
from core.admin.base import row_url
from core.admin.breakers import why_it_waits
from core.admin.conversations import talk_link
from core.live import Audience
from core.live.sources.orders import Watched, WholeOrder, curve, rows, seconds_left, whole_order
from core.live.sources.sections import Section, Sections, newest_readings
from core.models import Order, OrderEvent, Status
from core.pages import display
from core.pages.flow.timeline import STEPS_SHOWN
from core.reasons import closed, reason_of, translate

READINGS_SHOWN = 20
# Ended without a full delivery.
SHORT = (Status.FAILED, Status.PARTIAL)


def context_of(order: Order) -> dict[str, Any]:
    watched = WholeOrder().load([str(order.pk)])[str(order.pk)]
    return {
        "sections": sections.render(watched),
        # Of the order that the buttons were chosen for; the sections may be newer.
        "doing": doing_of(order),
        "curve": curve(watched),
        "thousand": display.number(1000),
    }


def live_part(watched: Watched) -> dict[str, Any]:
    return {**sections.render(watched), "doing": doing_of(watched.order)}


def doing_of(order: Order) -> str:
    """When it changes, the buttons may change."""
    asked = (order.cancel_requested, order.pause_requested)
    doing = (order.status, *asked, order.held_by_site, order.remark, is_worked_on(order))
    return "|".join(map(str, doing))


def live_cells(order: Order) -> dict[str, Any]:
    return {
        "progress_cell": display.progress_bar(order),
        "state_cell": display.state(order),
        "refund_cell": display.refund(order),
        "talk_cell": talk_link(order),
    }


def is_worked_on(order: Order) -> bool:
    return order.lease_until is not None and order.lease_until > timezone.now()


def delivery(watched: Watched) -> dict[str, Any]:
    order = watched.order
    why, what = why_and_what(order)
    return {
        "order": order,
        "video": display.link_out(order.url, display.video_name(order)),
        "customer": display.link(row_url("customer", order.customer_id), order.customer),
        "site": display.link(row_url("site", order.site_id), order.site),
        "plan": display.pace(order),
        "why": why,
        "what": what,
        "waits": why_it_waits(order, watched.pause),
        "progress": display.progress_bar(order),
        "state": display.state(order),
        "pace": pace_of(watched),
        "refund": refund_of(order),
        # While people pause the order, its deadline moves on with the time.
        "deadline": None if order.is_paused_by_people or watched.pause else deadline_of(order),
    }


# --- why it stands still or ended short, and what a person can do about it. No queries: its events
# and the names are in memory.


def why_and_what(order: Order) -> tuple[str, str]:
    """A sentence each; "" if there is nothing to say."""
    if order.status == Status.PAUSED:
        return why_paused(order), what_when_paused(order)
    if order.status in SHORT:
        event = last_step(order)
        return closed(translate(reason_of(event))) if event else "", what_when_ended(order)
    if order.attempts and not order.is_final and order.due > timezone.now():
        text = _("The last attempt failed. The next one is at %(when)s.")
        return text % {"when": display.moment(order.due)}, _("“Retry now” does not wait for it.")
    return "", ""


def last_step(order: Order) -> OrderEvent | None:
    """The event that brought it to its status."""
    steps = [event for event in order.events.all() if event.to_status == order.status]
    return steps[-1] if steps else None


def why_paused(order: Order) -> str:
    event = last_step(order)
    if event is None:
        return ""
    facts = {
        "when": display.moment(event.create_date),
        "who": event.creator or "–",
        "why": closed(translate(reason_of(event))) or "–",
    }
    if order.held_by_site:
        return _("Paused since %(when)s: %(why)s") % facts
    return _("Paused since %(when)s by %(who)s: %(why)s") % facts


def what_when_paused(order: Order) -> str:
    if not order.held_by_site:
        return _("“Resume” continues the order; “Cancel order” refunds what was not delivered.")
    site = reverse("admin:core_site_change", args=[order.site_id])
    text = _(
        "Put the token back on {site}; the order continues by itself as soon as the token is found."
    )
    return format_html(text, site=format_html('<a href="{}">{}</a>', site, order.site))


def what_when_ended(order: Order) -> str:
    """The remark of an order that ended short says what to change; see core/sentences/office.py."""
    missing = order.count - (order.delivered or 0)
    text = _(
        "%(missing)s plays were not delivered; %(refund)s was refunded. Fix the cause, "
        "then order the rest with “Order again”."
    )
    return text % {"missing": display.number(missing), "refund": display.money(order.refunded)}


# --- the other sections


def figures(watched: Watched) -> dict[str, Any]:
    return {"figures": figures_of(watched.order), "answers": answers_of(watched.order)}


def latest_events(watched: Watched) -> dict[str, Any]:
    events = list(watched.order.events.all())
    shown = events[-STEPS_SHOWN:]
    return {"order": watched.order, "events": shown, "has_earlier": len(shown) < len(events)}


def pace_of(watched: Watched) -> list[tuple[str, str]]:
    if watched.order.status != Status.RUNNING:
        return []
    return [
        (_("Plays per second"), display.speed(watched.speed)),
        (_("Time left"), display.duration(seconds_left(watched))),
    ]


def figures_of(order: Order) -> list[tuple[str, str]]:
    return [
        (_("Views before"), display.number(order.old_view_count)),
        (_("Views now"), display.number(order.view_count)),
        (_("Rise"), display.number(order.rise)),
        (_("Received"), display.number(order.done)),
        (_("Refused"), display.number(order.failed)),
        (_("Resent"), display.number(order.resent)),
        (_("Uncertain"), display.number(order.uncertain)),
        (_("In flight"), display.number(order.in_flight)),
        (_("Times claimed"), display.number(order.fence)),
        (_("Failed attempts"), display.number(order.attempts)),
    ]


def answers_of(order: Order) -> list[tuple[str, str, str]]:
    """How the site answered: status, how often, what it means. [] if it received every play."""
    answers = {int(status): number for status, number in (order.answers or {}).items()}
    counted = counted_by(order)
    if counted.issuperset(answers):
        return []
    return [
        (str(status), display.number(number), meaning(status, counted))
        for status, number in sorted(answers.items())
    ]


def counted_by(order: Order) -> frozenset[int]:
    """The statuses by which its site says that it received a play."""
    try:
        return sites.adapter(order.site.adapter, order.site.recipe).counted
    except (ValueError, SiteError):  # of a kind that is gone, or by a recipe that is wrong
        return frozenset(range(200, 300))


def meaning(status: int, counted: frozenset[int]) -> str:
    """What booster/engine/answers.py makes of an answer, in words."""
    if status in counted:
        return _("received")
    if status in NOT_NOW:
        return _("the site asked to slow down; the play is resent")
    if 300 <= status < 400:
        return _("redirected; redirects are not followed and the play does not count")
    if 400 <= status < 500 and status != HTTPStatus.REQUEST_TIMEOUT:
        return _("refused; the play does not count")
    if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
        return _("the site failed; the counter shows whether the play counts")
    return _("not a valid answer to a play; the counter shows whether the play counts")


def refund_of(order: Order) -> str:
    """How the refund of an ended order was computed; "" while it is open."""
    if order.delivered is None:
        return ""
    if order.delivered == order.count:
        return _("Everything was delivered; nothing is refunded.")
    return _("%(price)s × %(undelivered)s undelivered ÷ %(count)s = %(refund)s refunded") % {
        "price": display.money(order.price),
        "undelivered": display.number(order.count - order.delivered),
        "count": display.number(order.count),
        "refund": display.money(order.refunded),
    }


sections = Sections(
    Section("delivery", "desk/order/delivery.html", delivery),
    Section("figures", "desk/order/figures.html", figures),
    Section(
        "events",
        "desk/order/events.html",
        latest_events,
        lambda watched: (watched.order.status, len(watched.order.events.all())),
    ),
    newest_readings("desk/order/readings.html", most=READINGS_SHOWN),
    Section(
        "ledger",
        "desk/order/ledger.html",
        lambda watched: {"order": watched.order},
        lambda watched: len(watched.order.ledger.all()),
    ),
)
whole_order.parts[Audience.STAFF] = live_part
rows.parts[Audience.STAFF] = live_cells
