"""What a customer's page of an order shows anew when the order changes: the parts of its template,
written once for all who watch it in one language. The feed itself has asked whose order it is.
"""

from typing import Any

from django.template.loader import render_to_string

from core.feeds.orders import Watched, also_render
from core.live import Audience
from core.portal.orders import parts_of

PARTS = {
    "heading": "portal/order_heading.html",
    "state": "portal/order_state.html",
    "receipt": "portal/order_receipt.html",
    "steps": "portal/order_steps.html",
    "way": "portal/order_way.html",
}


def parts(watched: Watched) -> dict[str, Any]:
    context = {"order": watched.order, **parts_of(watched.order)}
    return {f"part_{name}": render_to_string(page, context) for name, page in PARTS.items()}


also_render(Audience.CUSTOMER, parts)
