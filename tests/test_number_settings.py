"""Every number of the settings has a largest value: what uses it bears that one, and the start
refuses one above it in a line that says how far it may go."""

import ast
import importlib.util
import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from psycopg_pool import ConnectionPool

from booster.delivery import paused_orders
from booster.delivery.plan import deadline_of
from core.db import clock
from core.importing import store
from core.live.transports.gate import Arrivals
from core.logins import attempts
from core.models import (
    Customer,
    LookAllowance,
    Message,
    Order,
    Status,
    User,
    WaitingTopUp,
)
from core.models.approvals import undecidable
from core.models.orders import MAX_HOURS
from core.ops import retention
from office import environment, settings as office_settings
from office.gate import PageGate
from office.management.commands.run_web import refuse_used_port
from tests.base import client_of, placed
from tests.workbooks import workbook

SOURCE = Path(str(office_settings.__file__))


def number_settings() -> list[str]:
    """The variables that `env.number` reads."""
    calls = [node for node in ast.walk(ast.parse(SOURCE.read_text())) if isinstance(node, ast.Call)]
    return [
        call.args[0].value  # type: ignore[attr-defined]
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "number"
    ]


def loaded() -> ModuleType:
    """The settings, as this environment has them."""
    spec = importlib.util.spec_from_file_location("settings_at_most", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def largest(monkeypatch) -> dict[str, int]:
    """Of each variable. The environment has these values from now on."""
    found: dict[str, int] = {}
    number = environment.number

    def note(name: str, default: int, most: int, least: int = 1) -> int:
        found[name] = most
        return number(name, default, most, least)

    with monkeypatch.context() as noting:
        noting.setattr(environment, "number", note)
        loaded()
    for name, most in found.items():
        monkeypatch.setenv(name, str(most))
    return found


@pytest.fixture
def at_most(largest, settings) -> ModuleType:
    """All numbers are the largest, all at once."""
    module = loaded()
    for name in dir(module):
        value = getattr(module, name)
        if name.isupper() and type(value) is int:
            setattr(settings, name, value)
    return module


@pytest.mark.parametrize("name", number_settings())
def test_what_is_above_the_largest_stops_the_start_and_the_line_says_the_bounds(
    largest, monkeypatch, name
):
    most = largest[name]
    for value in (str(most + 1), "9" * 5_000):
        monkeypatch.setenv(name, value)
        with pytest.raises(ImproperlyConfigured) as refused:
            loaded()
        told = str(refused.value)
        assert told.startswith(f"{name}=") and told.endswith(f" to {most:,}")
        assert "\n" not in told and len(told) < 200


# What uses each.


@pytest.fixture
def order(erin, harbour, alice) -> Order:
    return placed(erin, harbour, creator=alice)


def decide_on_what_waits(order: Order, bob: User, **_more: Any) -> None:
    waiting = WaitingTopUp.objects.create(
        customer=order.customer, amount=Decimal(10), creator=order.creator
    )
    Order.objects.filter(pk=order.pk).update(status=Status.AWAITING)
    order.refresh_from_db()
    assert undecidable(order, bob) is waiting.undecidable(bob) is None


def tidy(**_more: Any) -> None:
    assert retention.tidy()
    store.remove_old()


def end_a_late_order(order: Order, **_more: Any) -> None:
    """One of a slow site that is quiet but for one minute of its week."""
    order.site.quiet_hours = ["Mon-Sat 00:00-24:00", "Sun 00:00-23:59"]
    order.site.max_rate, order.hours, order.start_date = 1, MAX_HOURS, clock.now()
    end = deadline_of(order)
    assert end is not None and end > clock.now() + timedelta(days=365)
    assert paused_orders.resume_late_orders() == []


def import_a_workbook(tmp_path: Path, **_more: Any) -> None:
    (tmp_path / "book.xlsx").write_bytes(workbook(("username",), ("judy",)))
    call_command("import_customers", str(tmp_path / "book.xlsx"))
    assert Customer.objects.filter(username="judy").exists()


def make_a_link(order: Order, bob: User, **_more: Any) -> None:
    page = client_of(bob).post(f"/admin/core/customer/{order.customer_id}/portal-link/")
    opened = client_of(bob).get(page.context["link"], follow=True)
    assert "new_password1" in opened.context["form"].fields


def log_in(**_more: Any) -> None:
    attempts.take(None, "nobody").give_back(clock.now())
    attempts.sweep()


def say_much(order: Order, bob: User, at_most: ModuleType, **_more: Any) -> None:
    text = "漂" * at_most.MESSAGE_MAX_LENGTH
    desk = client_of(bob)
    desk.post(f"/admin/core/order/{order.pk}/message/", {"text": text})
    assert Message.objects.get().text == text
    assert desk.get(f"/admin/core/order/{order.pk}/change/").status_code == 200


def look_at_videos(bob: User, at_most: ModuleType, **_more: Any) -> None:
    assert LookAllowance.objects.take(bob, at_most.QUOTES_PER_MINUTE) == 0


def watch_pages(**_more: Any) -> None:
    assert Arrivals().count("192.0.2.1", 0.0)


def serve_pages(at_most: ModuleType, **_more: Any) -> None:
    assert PageGate(watch_pages, at_most.WEB_THREADS, at_most.WEB_QUEUE).longest  # type: ignore[arg-type]
    ConnectionPool(open=False, **at_most.POSTGRESQL_POOL)
    assert threading.BoundedSemaphore(at_most.PASSWORD_HASHES_AT_ONCE).acquire()
    assert at_most.WEB_CONCURRENCY <= 100


def listen(at_most: ModuleType, **_more: Any) -> None:
    for port in (at_most.PORT, at_most.DEMO_SITE_PORT):
        refuse_used_port("PORT", port)


USES: dict[Callable[..., None], tuple[str, ...]] = {
    listen: ("PORT", "DEMO_SITE_PORT"),
    serve_pages: ("WEB_CONCURRENCY", "WEB_THREADS", "WEB_QUEUE", "PASSWORD_HASHES_AT_ONCE"),
    log_in: (
        *("LOGIN_TRIES", "LOGIN_TRIES_PER_NAME", "LOGIN_TRIES_PER_ADDRESS", "LOGIN_LOCK_MINUTES"),
    ),
    make_a_link: ("PORTAL_LINK_HOURS",),
    end_a_late_order: ("ORDER_DEADLINE_HOURS",),
    decide_on_what_waits: ("FOUR_EYES_DAYS",),
    look_at_videos: ("QUOTES_PER_MINUTE",),
    import_a_workbook: (
        *("IMPORT_MAX_MB", "IMPORT_MAX_XLSX_MB", "IMPORT_MAX_MEMORY_MB"),
        *("IMPORT_MAX_MINUTES", "IMPORT_MAX_ROWS"),
    ),
    tidy: (
        *("LOGIN_ATTEMPT_DAYS", "SITE_CHECK_DAYS", "READING_DAYS", "READ_RECEIPT_DAYS"),
        "JOB_FILE_DAYS",
    ),
    watch_pages: ("LIVE_VIEWERS_PER_USER", "LIVE_SOCKETS_PER_ADDRESS"),
    say_much: ("MESSAGES_PER_MINUTE", "MESSAGE_MAX_LENGTH"),
}


def test_every_number_has_a_use_here():
    assert sorted(name for names in USES.values() for name in names) == sorted(number_settings())


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_the_largest_values_are_borne_by_what_uses_them(use, at_most, order, bob, tmp_path):
    use(order=order, bob=bob, at_most=at_most, tmp_path=tmp_path)
