"""What the templates of flow/ ask for."""

from typing import Any

from django import template

from core.models import Order
from core.pages.flow.timeline import CUSTOMER, timeline_of

register = template.Library()


@register.simple_tag
def order_timeline(order: Order, audience: str = "") -> dict[str, Any]:
    """The order's way. Whoever does not say for whom the page is writes for a customer."""
    return timeline_of(order, audience or CUSTOMER)
