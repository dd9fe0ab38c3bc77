"""What templates ask for, without loading it: office/settings.py names it as built in."""

from typing import Any

from django import template

from core import reasons
from core.models import Order, label_of
from core.pages.display import tone_of
from core.pages.flow.timeline import CUSTOMER, timeline_of
from core.pages.people import page_to_go_on_at

register = template.Library()
# Why, in the reader's language: `{{ event|reason|words }}`.
register.filter("reason", reasons.reason_of)
register.filter("words", reasons.translate)
# A status by its number, in the reader's language; and its colour, as the style sheets call it.
register.filter("status_label", label_of)
register.filter("status_tone", tone_of)
# Where a page in another language is found.
register.filter("page_to_go_on_at", page_to_go_on_at)


@register.simple_tag
def order_timeline(order: Order, audience: str = "") -> dict[str, Any]:
    """The order's way. Whoever does not say for whom the page is writes for a customer."""
    return timeline_of(order, audience or CUSTOMER)
