"""The listings' benchmark: its peer, a ModelAdmin as Django's documentation has it on an admin site
of its own, and orders saved in the form.
"""

import time
import uuid
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.urls import path

from core.models import Order
from office.urls import urlpatterns as office_urls

ADD = "/admin/core/order/add/"
COUNT = 10_000


class StockOrderAdmin(admin.ModelAdmin):
    list_display = (
        *("oid", "customer", "done", "count", "price", "status"),
        *("site", "creator", "create_date"),
    )
    list_select_related = ("customer", "site", "creator")
    list_filter = ("status", "site")
    search_fields = ("oid", "customer__username", "url")
    date_hierarchy = "create_date"
    list_per_page = 100


stock = admin.AdminSite("stock")
stock.register(Order, StockOrderAdmin)
urlpatterns = [path("stock/", stock.urls), *office_urls]


class Buyer:
    """Orders on a demo site, each on a video of its own."""

    def __init__(self, client: Any, origin: str) -> None:
        from core.models import ChargeRecord, Customer

        self.client, self.origin = client, origin
        client.handler.enforce_csrf_checks = True
        client.get(ADD)  # a browser that opened the form has its cookie
        client.handler = self.serving(client.handler)
        self.customer = Customer.objects.create(username="buyer of the benchmark")
        ChargeRecord.objects.create(customer=self.customer, amount=Decimal(100_000))
        self.videos = 0
        self.asking = self.spent = 0.0

    def video(self) -> str:
        self.videos += 1
        return f"v{self.videos}"

    def in_the_form(self) -> tuple[float, float]:
        """Seconds from the request to the answer, and those of them in which the site was asked."""
        fields = {
            "customer": self.customer.pk,
            "url": f"{self.origin}/videos/{self.video()}",
            "count": COUNT,
            "hours": 0,
            "memo": "",
            "request_key": uuid.uuid4(),
            "csrfmiddlewaretoken": self.client.cookies["csrftoken"].value,
        }
        self.asking = 0.0
        answer = self.client.post(
            ADD, urlencode(fields), content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code == 302, answer.content.decode()[:2000]
        # The page that follows would show what the desk said, and forget it.
        del self.client.cookies["messages"]
        return self.spent, self.asking

    def serving(self, handler: Any) -> Any:
        """The same handler; what it took of the clock is `spent`."""

        def serve(environ: Any) -> Any:
            began = time.perf_counter()
            answer = handler(environ)
            self.spent = time.perf_counter() - began
            return answer

        return serve

    def timed(self, function: Any) -> Any:
        """The same function, with its time added to `asking`."""

        def ask(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.asking += time.perf_counter() - began

        return ask
