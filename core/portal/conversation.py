"""What a customer says about an order, and what of the desk's words was read. The conversation
itself is the desk's own: core.pages.conversation.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from core.models import Customer, Order, Side
from core.pages.conversation import answer_to, note_reading, section_of, thread_of
from core.portal.access import customer_page, own_or_404


@customer_page
@require_POST
def said(request: HttpRequest, customer: Customer, oid: str) -> HttpResponse:
    order = own_or_404(customer, oid)
    return answer_to(request, order, reverse("portal:order", args=[oid]) + "#conversation")


@customer_page
@require_POST
def read(request: HttpRequest, customer: Customer, oid: str) -> HttpResponse:
    return note_reading(request, own_or_404(customer, oid))


def section(request: HttpRequest, order: Order) -> Any:
    urls = [reverse(f"portal:order-{name}", args=[order.oid]) for name in ("message", "read")]
    return section_of(request, order, thread_of(request, order), *urls)


def unread(order: Order) -> int:
    """What the desk said since the customer read; the list has joined the row that knows."""
    talk = getattr(order, "conversation", None)
    return 0 if talk is None else talk.unread_from(Side.CUSTOMER)
