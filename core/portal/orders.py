"""The customer's orders: the list, one order with its conversation, a new one, canceling one."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core import ordering
from core.db.text import Escaped, LocalTime, Plain, labelled
from core.exporting.downloads import file_answer
from core.exporting.lists import Column, csv_chunks
from core.live.sources.customers import newest_order
from core.models import Customer, Order, OrderError, Status
from core.ordering import placing
from core.pages import display
from core.pages.conversation import answer_to, note_reading, section_of, thread_of
from core.pages.people import user_of
from core.pages.quotes import bundles_on_sale
from core.permissions import may_cancel_own
from core.portal.access import customer_page, form_page, own_or_404
from core.portal.forms import CustomerOrderForm, CustomerQuoteForm, OrderFilter
from core.portal.order_page import context_of, moving_texts, row_of
from core.portal.paging import window


def filtered(request: HttpRequest, customer: Customer) -> tuple[OrderFilter, QuerySet[Order]]:
    form = OrderFilter(request.GET)
    form.is_valid()
    return form, form.apply(Order.objects.filter(customer=customer))


@customer_page
@require_safe
def listed(request: HttpRequest, customer: Customer) -> HttpResponse:
    form, orders = filtered(request, customer)
    newest = newest_order(customer)
    page = window(orders.select_related("conversation"), request.GET)
    context = {
        "customer": customer,
        "newer": f"customer:{customer.pk}",
        "newest": newest,
        "form": form,
        "page": page,
        "rows": [row_of(order) | moving_texts(order) for order in page.rows],
        "query": request.GET.urlencode(),
    }
    return render(request, "portal/orders.html", context)


@customer_page
@require_safe
def exported(request: HttpRequest, customer: Customer) -> HttpResponseBase:
    _form, orders = filtered(request, customer)
    labels = {status.value: str(status.label) for status in Status}
    columns = [
        Column(_("order number"), "oid", Escaped),
        Column(_("created"), "create_date", LocalTime),
        Column(_("status"), "status", labelled(labels)),
        Column(_("video address"), "url", Escaped),
        Column(_("plays"), "count", Plain),
        Column(_("price"), "price", Plain),
        Column(_("delivered"), "delivered", Plain),
        Column(_("refunded"), "refunded", Plain),
        Column(_("views before"), "old_view_count", Plain),
        Column(_("views now"), "view_count", Plain),
        Column(_("started"), "start_date", LocalTime),
        Column(_("ended"), "end_date", LocalTime),
    ]
    return file_answer(request, "orders.csv", csv_chunks(orders.order_by("-pk"), columns))


@customer_page
@require_safe
def shown(request: HttpRequest, customer: Customer, oid: str) -> HttpResponse:
    order = own_or_404(customer, oid)
    urls = [reverse(f"portal:order-{name}", args=[oid]) for name in ("message", "read")]
    context = {
        "customer": customer,
        "order": order,
        "page": context_of(order),
        "talk": section_of(request, order, thread_of(request, order), *urls),
    }
    return render(request, "portal/order.html", context)


@customer_page
@require_POST
def said(request: HttpRequest, customer: Customer, oid: str) -> HttpResponse:
    order = own_or_404(customer, oid)
    return answer_to(request, order, reverse("portal:order", args=[oid]) + "#conversation")


@customer_page
@require_POST
def read(request: HttpRequest, customer: Customer, oid: str) -> HttpResponse:
    return note_reading(request, own_or_404(customer, oid))


@customer_page
@form_page
def canceled(request: HttpRequest, customer: Customer, oid: str) -> HttpResponse:
    """GET asks, POST does. The model decides, as it does for the desk."""
    order = own_or_404(customer, oid)
    page = reverse("portal:order", args=[order.oid])
    if request.method != "POST":
        if not may_cancel_own(user_of(request), order):
            messages.warning(request, _("This order can no longer be canceled."))
            return HttpResponseRedirect(page)
        # As transitions.cancel() decides: a running order is asked to stop first.
        nothing_sent = order.status != Status.RUNNING and not order.reserved
        context = {"customer": customer, "order": order, "row": row_of(order)}
        context["nothing_sent"] = nothing_sent
        return render(request, "portal/order_cancel.html", context)
    try:
        ordering.cancel(order, user_of(request))
    except OrderError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, canceling(order))
    return HttpResponseRedirect(page)


def canceling(order: Order) -> str:
    if not order.is_final:
        return _(
            "The order is being stopped; plays that the site's counter does not show are refunded."
        )
    text = _("Your order is canceled; %(refund)s was refunded to your balance.")
    return text % {"refund": display.money(order.refunded)}


@customer_page
@form_page
def added(request: HttpRequest, customer: Customer) -> HttpResponse:
    if request.method != "POST":
        initial = initial_of(request, customer)
        return new_page(request, customer, CustomerOrderForm(customer, initial=initial))
    form = CustomerOrderForm(customer, request.POST)
    if form.is_valid() and form.placed is None:
        try:
            order = placing.place(form.quote, user_of(request), **form.terms)
        except placing.OrderRefusedError as error:
            form.refuse(error.errors)
            customer.refresh_from_db()
        else:
            messages.success(request, thanks(order))
            return redirect("portal:order", order.oid)
    if form.placed is not None:
        messages.warning(request, _("This form was already saved; nothing was done twice."))
        return redirect("portal:order", form.placed.oid)
    return new_page(request, customer, form)


def thanks(order: Order) -> str:
    if order.status == Status.AWAITING:
        return _("Thank you. Your order is paid; the desk reviews it before delivery starts.")
    if order.starts_later:
        return _("Thank you. Your order is paid; it %(starts)s.") % {"starts": display.start(order)}
    return _("Thank you. Your order is placed and paid.")


def initial_of(request: HttpRequest, customer: Customer) -> dict[str, Any]:
    """From an earlier order, or from a link of the customer's own."""
    asked = request.GET
    if again := asked.get("again"):
        order = own_or_404(customer, again)
        return {name: getattr(order, name) for name in CustomerOrderForm.again}
    return {name: asked[name] for name in ("url", "count") if name in asked}


def new_page(request: HttpRequest, customer: Customer, form: CustomerOrderForm) -> HttpResponse:
    """The focus is on the first refused field, else on the first one."""
    first = next((field for field in form.visible_fields() if field.errors), form["url"])
    first.field.widget.attrs["autofocus"] = True
    context = {
        "customer": customer,
        "form": form,
        "bundles": bundles_on_sale(),
        "balance": display.money(customer.balance),
    }
    return render(request, "portal/order_new.html", context)


@customer_page
@require_safe
def quoted(request: HttpRequest, customer: Customer) -> JsonResponse:
    form = CustomerQuoteForm(request.GET)
    form.is_valid()
    return JsonResponse(form.answer_for(customer, creator=user_of(request)))
