"""Peers of the listings' benchmark: a ModelAdmin as Django's documentation has it, on an admin site
of its own, and the statements of one order without anything around them."""

import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.db import connection, transaction
from django.urls import path

from core.models import Order
from office.urls import urlpatterns as office_urls

ADD = "/admin/core/order/add/"
COUNT, PRICE = 10_000, Decimal("5.00")
LIMIT = (
    "SELECT max(amount) FROM core_approvallimit JOIN core_user_groups USING (group_id) "
    "WHERE user_id = %s AND active"
)


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
    """Orders on a demo site, each on a video of its own: in the form, and as bare statements."""

    def __init__(self, client: Any, site: Any, origin: str) -> None:
        from django.contrib.contenttypes.models import ContentType

        from core.models import ChargeRecord, Customer, User

        self.client, self.site, self.origin = client, site, origin
        client.handler.enforce_csrf_checks = True
        client.get(ADD)  # a browser that opened the form has its cookie
        client.handler = self.serving(client.handler)
        self.kind = ContentType.objects.get_for_model(Order).pk
        self.customer = Customer.objects.create(username="buyer of the benchmark")
        ChargeRecord.objects.create(customer=self.customer, amount=Decimal(100_000))
        self.user = User.objects.get(username="admin")
        self.key = client.session.session_key
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

    def as_statements(self) -> float:
        """What has to be read and written for one order, and one commit."""
        began = time.perf_counter()
        with connection.cursor() as cursor:
            self._read(cursor)
            video = self.video()
            with transaction.atomic():
                order = self._write(cursor, video)
        enqueue(order)
        return time.perf_counter() - began

    def _read(self, cursor: Any) -> None:
        for query, value in (
            ("SELECT * FROM django_session WHERE session_key = %s", self.key),
            ("SELECT * FROM core_user WHERE id = %s", self.user.pk),
            ("SELECT * FROM core_customer WHERE id = %s", self.customer.pk),
            (LIMIT, self.user.pk),
            ("SELECT count, price FROM core_pricepolicy WHERE active = %s", True),
            ("SELECT * FROM core_site WHERE origin = %s", self.origin),
        ):
            cursor.execute(query, [value])
            cursor.fetchall()
        cursor.execute(
            "SELECT 1 FROM core_order WHERE site_id = %s AND video_id = %s "
            "AND status IN (1, 2, 7, 8, 9)",
            [self.site.pk, f"v{self.videos + 1}"],
        )
        cursor.fetchall()

    def _write(self, cursor: Any, video: str) -> int:
        now = datetime.now(UTC)
        stamp = f"{now:%Y-%m-%d %H:%M:%S.%f}"
        oid = f"{self.customer.pk}-{now:%Y%m%d%H%M%S%f}"
        order = self._insert(cursor, self._order(oid, video, stamp), "core_order")
        cursor.execute(
            "UPDATE core_customer SET balance = round(balance - %s, 2) "
            "WHERE id = %s AND balance >= %s",
            [5, self.customer.pk, 5],
        )
        cursor.execute("SELECT balance FROM core_customer WHERE id = %s", [self.customer.pk])
        balance = cursor.fetchone()[0]
        entry = {
            "kind": 2,
            "customer_id": self.customer.pk,
            "amount": "-5.00",
            "note": "",
            "balance_after": str(balance),
            "order_id": order,
            "creator_id": self.user.pk,
            "reference": f"order:{oid}",
            "create_date": stamp,
        }
        self._insert(cursor, entry, "core_ledgerentry")
        event = {
            "order_id": order,
            "create_date": stamp,
            "creator_id": self.user.pk,
            "to_status": 1,
            "reason": "",
        }
        self._insert(cursor, event, "core_orderevent")
        log = {
            "action_time": stamp,
            "user_id": self.user.pk,
            "content_type_id": self.kind,
            "object_id": str(order),
            "object_repr": oid,
            "action_flag": 1,
            "change_message": '[{"added": {}}]',
        }
        self._insert(cursor, log, "django_admin_log")
        return order

    def _order(self, oid: str, video: str, stamp: str) -> dict[str, Any]:
        """Every column that has no null in it, as the model would fill it."""
        made = Order(
            oid=oid,
            customer=self.customer,
            url=f"{self.origin}/videos/{video}",
            count=COUNT,
            price=PRICE,
            unit_price=PRICE / COUNT,
            site=self.site,
            video_id=video,
            creator=self.user,
        )
        values = {
            field.column: field.get_db_prep_save(getattr(made, field.attname), connection)
            for field in Order._meta.concrete_fields
            if getattr(made, field.attname) is not None
        }
        return {**values, "create_date": stamp, "due": stamp}

    def _insert(self, cursor: Any, values: dict[str, Any], table: str) -> int:
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(["%s"] * len(values))
        cursor.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id", list(values.values())
        )
        return int(cursor.fetchone()[0])


def enqueue(order: int) -> None:
    """Wake the consumers: a row in the queue's own file."""
    settings.HUEY.storage.enqueue(str(order).encode(), 0)
