"""The admin site of the office and its home page: money taken, orders by state, what waits for a
person.
"""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import OPEN, LedgerEntry, Order, Site, Status, User

# A home page is no list: what is more than this is found there.
SHOWN = 20


class DeskSite(admin.AdminSite):
    site_header = _("Booster Office")
    site_title = _("Booster Office")
    index_title = _("Desk")
    enable_nav_sidebar = False

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [path("home/", self.admin_view(self.home_view), name="home"), *super().get_urls()]

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Customers who come to the desk are brought to their own pages."""
        user = request.user
        if request.method == "GET" and user.is_authenticated and not user.is_staff:
            return redirect("portal:orders")
        return super().login(request, extra_context)

    def home_view(self, request: HttpRequest) -> HttpResponse:
        """Each part for who may see what it sums up."""
        user = request.user
        assert isinstance(user, User)
        sees_orders = user.has_perm("core.view_order")
        waiting = list(attention()[: SHOWN + 1]) if sees_orders else []
        context = {
            **self.each_context(request),
            "title": _("Desk"),
            "takings": takings() if user.has_perm("core.view_ledgerentry") else None,
            "by_status": by_status() if sees_orders else [],
            "attention": waiting[:SHOWN],
            "more_attention": len(waiting) > SHOWN,
            "sites": list(sites()[:SHOWN]) if user.has_perm("core.view_site") else [],
        }
        return TemplateResponse(request, "desk/home.html", context)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        view: Callable[..., HttpResponse] = DeskAutocomplete.as_view(admin_site=self)  # type: ignore[assignment]
        return view(request)


class DeskAutocomplete(AutocompleteJsonView):
    """Lets an admin class say more than a name: a customer is offered with the balance."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        found: dict[str, str] = super().serialize_result(obj, to_field_name)
        describe = getattr(self.model_admin, "autocomplete_text", None)
        if describe is not None:
            found["text"] = describe(obj)
        return found


def takings() -> dict[str, Decimal]:
    """What customers paid in: today, in the last seven days, in the last thirty."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    since = {
        "today": midnight,
        "week": midnight - datetime.timedelta(days=6),
        "month": midnight - datetime.timedelta(days=29),
    }
    topped_up = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.CHARGE, create_date__gte=since["month"]
    )
    sums = topped_up.aggregate(
        **{name: Sum("amount", filter=Q(create_date__gte=start)) for name, start in since.items()}
    )
    return {name: total or Decimal(0) for name, total in sums.items()}


def by_status() -> list[dict[str, Any]]:
    """Every state an order can have, with how many have it, and where they are listed."""
    counted = dict(Order.objects.order_by().values_list("status").annotate(Count("pk")))
    orders = reverse("admin:core_order_changelist")
    return [
        {
            "label": status.label,
            "status": status.value,
            "count": counted.get(status.value, 0),
            "url": f"{orders}?status__exact={status.value}",
        }
        for status in Status
    ]


def attention() -> Any:
    """Orders that wait for a person, the oldest first."""
    return Order.objects.needing_a_person().with_names().order_by("pk")


def sites() -> Any:
    """Sites in use, those that lost their proof first, with how many orders run there."""
    running = Count("orders", filter=Q(orders__status__in=OPEN))
    in_use = Site.objects.filter(active=True).annotate(open_orders=running)
    return in_use.order_by("verified", "name")
