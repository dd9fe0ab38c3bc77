"""A customer's page of an order: written once, for the page as it opens and for every change that
the feed brings to all viewers in one language. It makes no query and shows nothing of the desk's
own; the caller has checked whose order it is."""

from decimal import Decimal
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _, ngettext

from core.live import Audience
from core.live.sources.orders import Watched, WholeOrder, curve, rows, whole_order
from core.live.sources.sections import Section, Sections, newest_readings
from core.models import Order, Side
from core.pages import display
from core.pages.flow.timeline import STEPS_SHOWN
from core.portal.receipt import money_of, plays_of
from core.portal.words import state_text, steps_of

READINGS_SHOWN = 12


def context_of(order: Order) -> dict[str, Any]:
    watched = WholeOrder().load([str(order.pk)])[str(order.pk)]
    return {
        "row": row_of(watched.order),
        "sections": sections.render(watched),
        "curve": curve(watched),
    }


def row_of(order: Order) -> dict[str, Any]:
    return {
        "order": order,
        "address": breakable(order.url.partition("://")[2]),
        "tone": display.tone_of(order.status),
        "label": order.get_status_display(),
        "starts": display.start(order),
        "percent": display.percent(order),
        "done": display.number(display.shown_plays(order)),
        "count": display.number(order.count),
        "price": display.money(order.price),
    }


def moving_texts(order: Order) -> dict[str, str]:
    """The other changing texts of a line in the list, "" for none."""
    # What the desk said since the customer read; the list has joined the row that tells.
    talk = getattr(order, "conversation", None)
    refund, number = order.refunded, talk.unread_from(Side.CUSTOMER) if talk else 0
    new = ngettext("%(number)s new", "%(number)s new", number) % {"number": number}
    back = _("−%(refund)s refunded") % {"refund": display.money(refund or Decimal(0))}
    return {"refund": back if refund else "", "unread": new if number else ""}


def breakable(address: str) -> SafeString:
    """If a line is too short for an address, it breaks after a slash first."""
    return format_html_join(mark_safe("/<wbr>"), "{}", ((part,) for part in address.split("/")))


def state(watched: Watched) -> dict[str, Any]:
    order = watched.order
    return {
        "order": order,
        "state": state_text(order, is_held=watched.pause is not None),
        "reason": next((step.reason for step in steps_of(order) if step.reason), ""),
        "pace": display.pace(order),
    }


def latest_steps(watched: Watched) -> dict[str, Any]:
    steps = steps_of(watched.order)
    shown = steps[-STEPS_SHOWN:]
    return {"steps": shown, "has_earlier": len(shown) < len(steps)}


def receipt(watched: Watched) -> dict[str, Any]:
    return {"plays": plays_of(watched.order), "money": money_of(watched.order)}


def stage(watched: Watched) -> Any:
    """Changes when anything but a number does."""
    order = watched.order
    return order.status, order.cancel_requested, watched.pause is None, len(order.events.all())


sections = Sections(
    Section("heading", "portal/order_heading.html", lambda one: {"row": row_of(one.order)}, stage),
    Section("state", "portal/order_state.html", state, stage),
    Section("way", "flow/order.html", lambda one: {"order": one.order}, stage),
    Section("receipt", "portal/order_receipt.html", receipt),
    Section("steps", "portal/order_steps.html", latest_steps, stage),
    newest_readings("portal/order_readings.html", most=READINGS_SHOWN),
)
whole_order.parts[Audience.CUSTOMER] = sections.render
rows.parts[Audience.CUSTOMER] = moving_texts
