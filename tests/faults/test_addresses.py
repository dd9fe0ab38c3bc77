"""Addresses and redirects that lead off the verified host: no order is sold for them, and not one
byte goes there. The vectors are those of tests/test_address.py, here against a whole office."""

import http.client
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest

from booster import retry
from core import ordering
from core.models import Order, Site, Status
from core.ordering import OrderRefusedError, Quote
from tests.faults.trial import Trial, on
from tests.raw_server import RawServer
from tests.rounds import deliver
from tests.test_address import OFF_THE_HOST

REDIRECTS = (301, 302, 303, 307, 308)


@pytest.fixture
def elsewhere() -> Iterator[RawServer]:
    """Another server, where a lax reader of an address would end up."""
    with RawServer() as server:
        yield server


def address_of(vector: str, trial: Trial, elsewhere: RawServer) -> str:
    site, port = str(trial.demo_site.port), str(elsewhere.port)
    return vector.replace("{site}", site).replace("{port}", port)


@on("sqlite")
def test_addresses_and_redirects_off_the_host_are_sent_nothing(
    trial, row, elsewhere, settings, monkeypatch
):
    monkeypatch.setattr(retry, "TROUBLE_PATIENCE", timedelta(0))  # what a site answers is final
    # Even where the deployment would let plays go to the other server.
    settings.PRIVATE_SITES = (*settings.PRIVATE_SITES, f"127.0.0.1:{elsewhere.port}")
    erin = trial.customer("erin", "50.00")
    for vector in OFF_THE_HOST:
        url = address_of(vector, trial, elsewhere)
        if url.strip() == url:  # the form takes away what people copy along
            with pytest.raises(OrderRefusedError):
                ordering.place(Quote.prepare(erin, url, 10_000), None)
    for status in REDIRECTS:
        for place in ("plays", "count"):
            order = trial.place(wake=False)
            target = f"{elsewhere.url}/videos/{order.video_id}"
            trial.demo_site.fault(
                place, "redirect", video=order.video_id, location=target, status=status
            )
            deliver()
            order.refresh_from_db()
            assert (order.status, str(order.refunded)) == (Status.FAILED, "3.33")
    order = trial.place(wake=False)
    trial.demo_site.fault("ownership", "redirect", location=f"{elsewhere.url}/token")
    Site.objects.update(verified_at=None)
    deliver()
    assert Order.objects.get(pk=order.pk).status == Status.PAUSED
    trial.demo_site.clear()
    order.refresh_from_db()
    ordering.cancel(order, None)
    verdict = trial.verdict(all_completed=False)
    tried = f"{len(OFF_THE_HOST)} addresses, {2 * len(REDIRECTS) + 1} redirects"
    row("addresses", tried, figures=f"{elsewhere.connections} connections elsewhere")
    assert elsewhere.connections == 0
    assert verdict.broken == []
    assert verdict.plays == 0


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_a_lax_reader_of_addresses_ends_up_elsewhere(trial, control, elsewhere):
    """The control: what the standard library does with the same vectors."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    reached = 0
    for vector in OFF_THE_HOST:
        if "{port}" not in vector:
            continue  # leads to nobody, or to other people's names
        before = elsewhere.connections
        with suppress(OSError, http.client.InvalidURL):
            opener.open(address_of(vector, trial, elsewhere), timeout=0.5).close()
        reached += elsewhere.connections > before
    control("reading of addresses", f"{reached} vectors reach another server")
    assert reached > 0
