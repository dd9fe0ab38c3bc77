"""The people of the tests, what they sell, and the one site they sell plays on.

alice   super administrator      erin    customer with 20.00
bob     administrator            frank   customer with nothing
carol   auditor                  owner   erin, with a login for the portal
dave    staff without any permission

They are in the test database, or where a file's own fixture `database` puts them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from huey.contrib.djhuey import HUEY

from core.live import feed as feeds
from core.live.feed import Feed
from core.models import ChargeRecord, Customer, Order, PricePolicy, Site, User
from core.money import rate_of
from core.ordering import Quote, place

VIDEO = "harbour-at-dawn"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def new_staff(username: str, *groups: str, **rights: bool) -> User:
    user = User.objects.create(username=username, is_staff=True, **rights)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def quoted(
    customer: Customer,
    site: Site,
    video: str = "dawn",
    *,
    price: Decimal | str | int = 5,
    count: int = 10_000,
) -> Quote:
    """A quote at any price, of a site that is not asked."""
    price = Decimal(price)
    return Quote(
        customer,
        f"{site.origin}/videos/{video}",
        count,
        price=price,
        unit_price=rate_of(price, count),
        site=site,
        video_id=video,
    )


def placed(
    customer: Customer,
    site: Site,
    video: str = "dawn",
    *,
    price: Decimal | str | int = 5,
    count: int = 10_000,
    creator: User | None = None,
    **terms: Any,
) -> Order:
    """An order that was charged, of which no consumer hears."""
    with lost_wake_ups():
        return place(quoted(customer, site, video, price=price, count=count), creator, **terms)


@contextmanager
def lost_wake_ups() -> Iterator[None]:
    """The queue loses what it is handed meanwhile."""
    enqueue, HUEY.enqueue = HUEY.enqueue, lambda task: None
    try:
        yield
    finally:
        HUEY.enqueue = enqueue


def an_order(count: int = 100) -> Order:
    """A paid order in an office without customers, on a site that is never asked."""
    customer = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=customer, amount=Decimal(10))
    site = Site.objects.create(name="Harbour", origin="https://videos.example.com")
    return placed(customer, site, count=count, price=1)


def client_of(user: User, **options: bool) -> Client:
    """A browser in which this user is logged in."""
    client = Client(**options)
    client.force_login(user, backend=BACKEND)
    return client


def messages_of(response) -> list[str]:
    """What a page tells; the page may be the end of redirects."""
    return [str(message) for message in response.context["messages"]]


def all_columns(export_page, file_format: int = 0) -> dict:
    """What the form of an export page sends when nothing is unticked."""
    columns = (name for name in export_page.context["form"].fields if "export_" in name[1:])
    return {"format": file_format, "resource": 0, **dict.fromkeys(columns, "on")}


def sent_export(client: Client, model: str, file_format: int = 0):
    """The export of a whole list. `file_format`: 0 CSV, 1 Excel."""
    address = f"/admin/core/{model}/export/"
    return client.post(address, all_columns(client.get(address), file_format))


def balance(customer: Customer) -> Decimal:
    """As the database has it."""
    return Customer.objects.values_list("balance", flat=True).get(pk=customer.pk)


@pytest.fixture
def database(db):
    """Where the rows of these fixtures are. A file of whole offices says so instead:
    `def database(office): …`."""


@pytest.fixture
def alice(database):
    return new_staff("alice", is_superuser=True)


@pytest.fixture
def bob(database):
    return new_staff("bob", "Administrators")


@pytest.fixture
def carol(database):
    return new_staff("carol", "Auditors")


@pytest.fixture
def dave(database):
    return new_staff("dave")


@pytest.fixture
def erin(database):
    customer = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=customer, amount=Decimal("20.00"))
    customer.refresh_from_db()
    return customer


@pytest.fixture
def owner(erin):
    erin.user = User.objects.create(username="erin", is_staff=False)
    erin.save(update_fields=["user"])
    return erin


@pytest.fixture
def frank(database):
    return Customer.objects.create(username="frank")


@pytest.fixture
def policies(database):
    for count, price in ((10_000, 5), (20_000, 9), (30_000, 13)):
        PricePolicy.objects.get_or_create(count=count, defaults={"price": price})


@pytest.fixture
def site(database, demo_site, settings):
    """The demo site, which shows our token."""
    settings.PRIVATE_SITES = (f"127.0.0.1:{demo_site.port}",)
    site = Site.objects.create(name="Harbour", origin=demo_site.url, max_rate=1000)
    demo_site.token(site.token)
    yield site
    demo_site.remove_token(site.token)


@pytest.fixture
def harbour(database):
    """A site that nobody is asked about."""
    return Site.objects.create(name="Harbour", origin="https://videos.example.com")


@pytest.fixture
def order(erin, site, demo_site, policies, bob):
    """bob's order for erin, asked of the demo site."""
    return place(Quote.prepare(erin, demo_site.address(VIDEO), 10_000), bob)


@pytest.fixture
def desk(bob):
    """A browser in which bob is logged in."""
    return client_of(bob)


@pytest.fixture
def super_desk(alice):
    return client_of(alice)


@pytest.fixture
def feed(monkeypatch) -> Feed:
    """One that looks whenever it is asked to."""
    monkeypatch.setattr(feeds, "MIN_REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(feeds, "REFRESH_SECONDS", 0.0)
    return Feed()
