"""Who may open the customers' pages: an active customer with an active login. Both are read again
at each request, so that switching one off ends access at once."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.decorators import csp_replace
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core.models import Customer, Order, User
from core.pages.people import page_to_go_on_at
from core.permissions import may_use_portal

Page = Callable[..., HttpResponseBase]
form_page = require_http_methods(["GET", "HEAD", "POST"])

# Unlike the admin's pages, these need only the office's own script files.
STRICT = {"script-src": ["'self'"]}


def own_page(view: Page) -> Page:
    """A page of the portal: no foreign script runs in it, and no cache keeps it."""
    return csp_replace(STRICT)(never_cache(view))


def customer_page(view: Page) -> Page:
    """A page for one customer: `view(request, customer, …)`. Visitors log in first; staff and
    people who are switched off are told why there is nothing to see."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User):
            goes_on_at = page_to_go_on_at(request, reverse("portal:orders"))
            return redirect_to_login(goes_on_at, reverse("portal:login"))
        if user.is_staff:
            return render(request, "portal/for_customers.html", status=403)
        customer = customer_of(user)
        if customer is None:
            logout(request)
            return render(request, "portal/switched_off.html", status=403)
        return view(request, customer, *args, **kwargs)

    return own_page(page)


def customer_of(user: User) -> Customer | None:
    """The customer whose pages this login opens; None for staff, or if either is switched off."""
    if not may_use_portal(user):
        return None
    return Customer.objects.filter(user=user, active=True).first()


def own_or_404(customer: Customer, oid: str) -> Order:
    """Raises Http404 for an order of another customer."""
    orders = Order.objects.select_related("site", "customer")
    return get_object_or_404(orders, customer=customer, oid=oid)
