"""A recipe may ask an API or CDN at a second address: what goes there goes where the token was
shown, as at the first, and nothing of the one goes to the other."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

import pytest

from booster import sites
from booster.calibrating import StageCalls
from booster.delivery import links
from booster.engine import Channel, Limits
from booster.exceptions import OwnershipError, TemporaryError
from booster.net.address import Origin
from booster.net.call import Call
from booster.net.client import SiteClient
from booster.ownership import verification
from booster.proof.calibration import Record, Stage, Step, StepKind
from core import ordering
from core.models import Order, OrderError, Site, Status
from core.models.sites import SiteLockedError
from core.ordering import Quote
from tests.base import placed
from tests.raw_server import answer
from tests.rounds import ShortRound, deliver, deliver_to_the_end
from tests.targets import proved
from tests.two_origins import RECIPE, WITH_STEPS, Machine

PLAYS = 60


@pytest.fixture
def pages() -> Iterator[Machine]:
    with Machine("pages") as machine:
        yield machine


@pytest.fixture
def api() -> Iterator[Machine]:
    with Machine("api") as machine:
        yield machine


@pytest.fixture
def harbour(database, pages, api, settings) -> Site:
    settings.PRIVATE_SITES = (f"127.0.0.1:{pages.port}", f"127.0.0.1:{api.port}")
    recipe = RECIPE | {"second_origin": api.url}
    site = Site.objects.create(name="Harbour", origin=pages.url, adapter="http", recipe=recipe)
    pages.token = api.token = site.token
    return site


def change(site: Site, **recipe: Any) -> None:
    site.recipe = (site.recipe or {}) | recipe
    site.save(update_fields=["recipe"])


def verified(site: Site) -> Site:
    assert verification.verify(site).outcome == 1
    return site


def bought(customer, site: Site, video: str = "dawn") -> Order:
    return placed(customer, verified(site), video, count=PLAYS, price="0.05")


def test_an_order_is_delivered_and_proved_at_the_second_address(erin, harbour, pages, api):
    order = bought(erin, harbour)
    deliver_to_the_end()
    order.refresh_from_db()
    assert (order.status, order.delivered) == (Status.COMPLETED, PLAYS)
    assert api.plays == PLAYS
    assert api.asked.count("GET /videos/dawn") >= 2
    assert pages.asked == []
    assert api.stray == 0


def test_a_quote_reads_the_counter_there(erin, harbour, policies, pages, api):
    quote = Quote.prepare(erin, f"{pages.url}/videos/dawn", 10_000)
    assert (quote.views, quote.errors) == (1000, {})
    assert api.asked == ["GET /videos/dawn"]


def test_the_video_s_address_stays_at_the_first(erin, harbour, policies, api):
    quote = Quote.prepare(erin, f"{api.url}/videos/dawn", 10_000)
    assert quote.reasons.keys() == {"url"}
    assert api.requests == []


def test_a_trial_plays_there_and_shows_both_sides(harbour, pages, api):
    trial = ordering.try_site(verified(harbour), f"{pages.url}/videos/dawn")
    assert trial.passed
    assert all(f"Host: 127.0.0.1:{api.port}" in one.request for one in trial.exchanges)
    assert (pages.plays, api.plays) == (0, 1)


def test_a_calibration_reads_and_plays_there(harbour, pages, api):
    target = verification.proved_target(harbour)
    adapter = sites.adapter("http", harbour.recipe)
    calls = StageCalls(target, adapter, "dawn", "calibration-1", lambda: 0.0)
    assert calls.read(Stage.QUIET).views == 1000
    calls.play(Step(Stage.PARALLEL, StepKind.PLAY, plays=3), Record())
    assert calls.counts_by_order(harbour.token) is False
    calls.close()
    assert (pages.asked, api.plays) == ([], 3)


def test_the_site_is_asked_what_it_counted_where_plays_go(erin, harbour, pages, api):
    Site.objects.update(exact_proof=True)
    harbour.refresh_from_db()
    order = bought(erin, harbour)
    deliver_to_the_end()
    order.refresh_from_db()
    assert order.delivered == PLAYS
    assert any(f"/orders/{order.oid}" in one for one in api.asked)
    assert pages.asked == []


# Cookies and secrets


def test_cookies_go_back_to_the_address_that_set_them(erin, harbour, pages, api):
    change(harbour, **WITH_STEPS, count_in_session=True)
    order = bought(erin, harbour)
    deliver_to_the_end()
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert pages.asked == ["GET /login"]
    assert set(api.cookies) == {"sid=secret-of-api"}
    assert not any(b"secret-of-pages" in request for request in api.requests)


def test_what_a_template_names_is_sent_where_it_names_it(harbour, pages, api):
    change(harbour, **WITH_STEPS)
    trial = ordering.try_site(verified(harbour), f"{pages.url}/videos/dawn")
    assert trial.passed
    named = [one for one in api.requests if b"nonce-of-pages" in one]
    assert len(named) == 1
    assert not any(b"secret-of-api" in request for request in pages.requests)
    shown = " ".join(str(one.request) + str(one.answer) for one in trial.exchanges)
    assert "secret-of" not in shown


def test_a_secret_is_sent_where_it_stands_alone(harbour, pages, api):
    change(
        harbour,
        steps=[{"path": "/login", "headers": {"X-Api-Key": "{secret:key}"}}],
        count_in_session=True,
    )
    harbour.secrets = {"key": "s3cret-of-the-office"}
    harbour.save(update_fields=["secrets"])
    assert ordering.try_site(verified(harbour), f"{pages.url}/videos/dawn").passed
    assert any(b"s3cret-of-the-office" in request for request in pages.requests)
    assert not any(b"s3cret-of-the-office" in request for request in api.requests)


# What does not prove itself


def nobody_sends(customer, site: Site, api: Machine, url: str) -> None:
    """All that people and workers do with a site, against one whose second address is no good."""
    Site.objects.update(verified=True)
    site.refresh_from_db()
    order = placed(customer, site, count=PLAYS, price="0.05")
    deliver()
    order.refresh_from_db()
    assert order.done == 0
    assert "url" in Quote.prepare(customer, url, 10_000).reasons
    with pytest.raises(OwnershipError):
        verification.views_of(site, "dawn")
    with pytest.raises(OrderError):
        ordering.calibrate(site, url, None)
    Site.objects.update(verified=True)
    site.refresh_from_db()
    with pytest.raises(OrderError):
        ordering.try_site(site, url)
    with pytest.raises(OrderError):
        ordering.read_site(site, url)
    verification.verify(site)
    assert not site.verified


def test_a_second_address_without_the_token_gets_the_question_for_it_alone(
    erin, harbour, policies, pages, api
):
    api.shows = False
    nobody_sends(erin, harbour, api, f"{pages.url}/videos/dawn")
    assert (pages.asked, api.asked) == ([], [])
    assert str(api.port) in harbour.checks.first().reason_params["file"]
    assert Order.objects.get().held_by_site


def test_a_token_behind_a_redirect_is_none(erin, harbour, policies, pages, api):
    api.shows = False
    place = f"Location: {pages.url}/booster-office-{harbour.token}.txt"
    api.token_answer = answer(status="302 Found", headers=(place,))
    nobody_sends(erin, harbour, api, f"{pages.url}/videos/dawn")
    assert api.asked == []


def test_a_private_second_address_is_not_even_asked(erin, harbour, policies, pages, api, settings):
    settings.PRIVATE_SITES = (f"127.0.0.1:{pages.port}",)
    nobody_sends(erin, harbour, api, f"{pages.url}/videos/dawn")
    assert api.connections == 0


def test_an_order_pauses_when_the_second_address_shows_the_token_no_more(
    erin, harbour, api, monkeypatch
):
    monkeypatch.setattr(links, "ASK_SECONDS", 0.02)
    Site.objects.update(max_rate=100)
    harbour.refresh_from_db()
    order = placed(erin, verified(harbour), count=10_000, price=1)

    def token_goes() -> bool:
        api.shows = api.plays < 20
        return False

    deliver(token_goes)
    order.refresh_from_db()
    assert (order.status, order.held_by_site) == (Status.PAUSED, True)
    assert 20 <= api.plays < 10_000
    plays = api.plays
    deliver()
    assert api.plays == plays
    api.shows = True
    assert ordering.verify(harbour, None) == ""
    order.refresh_from_db()
    assert order.status == Status.PENDING


def test_a_name_that_leads_elsewhere_is_proved_anew_before_anything_goes_there(
    erin, pages, settings, monkeypatch
):
    """The second address is rebound, during an order and between two steps of a trial."""
    settings.PRIVATE_SITES = ("127.0.0.0/8",)
    monkeypatch.setattr(links, "ASK_SECONDS", 0.02)
    look_up = socket.getaddrinfo
    leads_to = ["127.0.0.2"]

    def names(host, port, *args, **options):
        if host != "api.example":
            return look_up(host, port, *args, **options)
        return [(socket.AF_INET, 1, 6, "", (leads_to[0], port))]

    monkeypatch.setattr(socket, "getaddrinfo", names)
    with (
        Machine("owner", ("127.0.0.2", 0)) as owner,
        Machine("stranger", ("127.0.0.3", owner.port)) as stranger,
    ):
        stranger.shows = False
        recipe = RECIPE | {"second_origin": f"http://api.example:{owner.port}"}
        site = Site.objects.create(
            name="Harbour", origin=pages.url, adapter="http", recipe=recipe, max_rate=100
        )
        pages.token = owner.token = stranger.token = site.token
        order = placed(erin, verified(site), count=10_000, price=1)

        def rebound() -> bool:
            if owner.plays >= 20:
                leads_to[0] = "127.0.0.3"
                owner.shows = False
            return False

        deliver(rebound)
        order.refresh_from_db()
        assert (order.status, order.held_by_site) == (Status.PAUSED, True)
        with pytest.raises(OwnershipError):
            verification.views_of(site, "other")
        assert stranger.asked == []
        assert any(b"booster-office-" in one for one in stranger.requests)


def test_a_name_with_a_dead_address_is_proved_at_the_other(database, pages, settings, monkeypatch):
    """As where a name has an IPv6 address that nobody serves."""
    settings.PRIVATE_SITES = ("127.0.0.0/8",)
    port = Origin.parse(pages.url).port
    addresses = ["127.0.0.9", "127.0.0.1"]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_args, **_options: [(2, 1, 6, "", (address, port)) for address in addresses],
    )
    site = Site.objects.create(name="Harbour", origin=f"http://films.example:{port}")
    pages.token = site.token
    known = verification.prove(site)
    assert known.address == "127.0.0.1"
    verification.ping(site)  # nor is a site down of which one is dead
    assert verification.prove(site, known) == known
    addresses.reverse()
    pages.shows = False
    with pytest.raises(OwnershipError):  # who answers without it is believed
        verification.prove(site)


def test_a_site_is_down_where_one_of_its_addresses_is(harbour, pages, settings):
    verification.ping(harbour)
    with Machine("gone") as gone:
        url = gone.url
        settings.PRIVATE_SITES = (*settings.PRIVATE_SITES, f"127.0.0.1:{gone.port}")
    change(harbour, second_origin=url)
    with pytest.raises(TemporaryError):
        verification.ping(harbour)


# On the wire


def test_nothing_is_sent_to_an_origin_that_was_not_proved_besides(pages, api):
    target, elsewhere = proved(pages.url), Origin.parse(api.url)
    call = Call("/videos/dawn", origin=elsewhere)
    with SiteClient(target) as client, pytest.raises(TypeError, match="has not shown the token"):
        client.fetch(call)
    channel = Channel(target, Limits(), SimpleQueue())
    with pytest.raises(TypeError, match="has not shown the token"):
        channel.fetch(1, call)
    recipe = RECIPE | {"second_origin": api.url}
    play = sites.adapter("http", recipe).play("dawn", "7-1")
    with pytest.raises(TypeError, match="has not shown the token"):
        channel.open(1, play)
    channel.close()
    with pytest.raises(TypeError, match="has not shown the token"):
        Channel(target, Limits(), SimpleQueue(), plays_at=elsewhere)
    assert api.connections == 0


def test_a_channel_sends_plays_to_one_place(pages, api):
    target = proved(pages.url).with_second(proved(api.url))
    channel = Channel(target, Limits(), SimpleQueue())
    recipe = RECIPE | {"second_origin": api.url}
    with pytest.raises(ValueError, match="plays go to"):
        channel.open(1, sites.adapter("http", recipe).play("dawn", "7-1"))
    channel.close()
    assert api.connections == 0


def test_a_round_leaves_a_channel_whose_plays_go_elsewhere_by_now(
    erin, harbour, pages, api, monkeypatch
):
    """A recipe is changed between two orders that one round delivers, which has just read the
    site's row."""
    monkeypatch.setattr(links, "READ_SECONDS", 60.0)
    first = bought(erin, harbour)
    delivering = ShortRound("test:1", lambda: False)
    delivering.beat_while_busy(30)
    first.refresh_from_db()
    assert first.status == Status.VERIFYING or first.delivered == PLAYS
    deliver_to_the_end()
    harbour.refresh_from_db()
    change(harbour, play_at_second=False)
    second = bought(erin, harbour, "dusk")
    delivering.wake()
    delivering.beat_while_busy(30)
    delivering.close()
    second.refresh_from_db()
    assert second.done == PLAYS
    assert api.plays == PLAYS
    assert pages.asked == ["POST /videos/dusk/plays"] * PLAYS


# What stands in the row


def test_a_changed_second_address_is_proved_and_calibrated_anew(harbour):
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    Site.objects.update(verified=True, calibrated_at=long_ago)
    harbour.refresh_from_db()
    change(harbour, settle_seconds=2)
    assert harbour.verified
    change(harbour, second_origin="https://other.example.com")
    harbour.refresh_from_db()
    assert not harbour.verified
    assert harbour.calibrated_at is None


def test_the_second_address_stands_still_while_orders_are_open(erin, harbour, api):
    bought(erin, harbour)
    with pytest.raises(SiteLockedError):
        change(harbour, second_origin="https://other.example.com")
    assert Site.objects.get().recipe["second_origin"] == api.url
