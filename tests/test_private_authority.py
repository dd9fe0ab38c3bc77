"""An order on a site behind a private certificate authority, from its quote to its end."""

import ssl
from collections.abc import Iterator

import pytest
import trustme

from booster.ownership import verification
from core.models import Site, Status
from tests.base import placed
from tests.real_sites.local import PlainSite
from tests.rounds import deliver, deliver_to_the_end
from tests.test_sessions import rich

pytestmark = pytest.mark.parametrize("office", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Harbour Film Club")


@pytest.fixture
def private(authority: trustme.CA) -> Iterator[PlainSite]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with PlainSite(tls=context) as site:
        yield site


@pytest.fixture
def site(office, private, settings) -> Site:
    settings.PRIVATE_SITES = (f"127.0.0.1:{private.port}",)
    row = {"adapter": "http", "recipe": PlainSite.RECIPE, "max_rate": 500, "max_connections": 4}
    return Site.objects.create(name="Private", origin=private.url, **row)


def test_an_order_behind_a_private_authority_is_read_delivered_and_proved(site, private, authority):
    site.ca_certificate = authority.cert_pem.bytes().decode()
    site.save(update_fields=["ca_certificate"])
    check = verification.verify(site)
    assert check.outcome == check.Outcome.PROVED
    assert verification.views_of(site, "harbour") == 41
    order = placed(rich(), site, "harbour", count=60, price=1)
    deliver_to_the_end()
    order.refresh_from_db()
    assert (order.status, order.delivered) == (Status.COMPLETED, 60)
    assert (order.old_view_count, private.views["harbour"]) == (41, 101)
    sent = [one for one in private.requests if one.headers.get("x-play-order") == order.oid]
    assert len(sent) == 60


def test_without_its_authority_nothing_reaches_the_site(site, private):
    order = placed(rich(), site, "harbour", count=60, price=1)
    deliver()
    order.refresh_from_db()
    assert order.status == Status.RUNNING
    assert (order.reserved, private.requests) == (0, [])
