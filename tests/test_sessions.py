"""Sites that want a login, a token or a page first: they are asked once for all plays, and again
when a session ends. Real software and small sites on loopback."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from booster import retry, sites
from booster.net.address import Origin, ProvedTarget
from booster.net.call import Response
from booster.net.client import SiteClient
from booster.sites.session import Preparing, Yield
from booster.sites.trial import Trial, try_once
from core.models import ChargeRecord, Customer, Order, Site, Status
from tests.base import placed
from tests.real_sites import hitcount_site
from tests.real_sites.local import (
    PASSWORD,
    USER,
    GraphQLSite,
    LocalSite,
    MembersSite,
    PostViewsSite,
)
from tests.rounds import deliver, deliver_to_the_end
from tests.targets import proved

LOGIN: dict[str, Any] = {
    "method": "POST",
    "path": "/login",
    "body": f"log={USER}&pwd={{secret:password}}",
}
MEMBERS: dict[str, Any] = {
    "video_pattern": r"/videos/([\w-]+)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "steps": [
        LOGIN,
        {
            "path": "/members",
            "values": [{"name": "nonce", "source": "pattern", "place": '"nonce":"(.+?)"'}],
        },
    ],
    "play_path": "/api/videos/{video_id}/plays",
    "play_headers": {"X-WP-Nonce": "{nonce}"},
    "settle_seconds": 1,
}
GRAPHQL: dict[str, Any] = {
    "video_pattern": r"/videos/([\w-]+)",
    "count_method": "POST",
    "count_path": "/graphql",
    "count_headers": {
        "Content-Type": "application/json",
        "Authorization": "Bearer {secret:password}",
    },
    "count_body": '{"query": "query($id: ID!) { video(id: $id) { views } }",'
    ' "variables": {"id": "{video_id}"}}',
    "count_json": "data.video.views",
    "play_path": "/graphql",
    "play_headers": {
        "Content-Type": "application/json",
        "Authorization": "Bearer {secret:password}",
    },
    "play_body": '{"query": "mutation { countView(id: \\"{video_id}\\") {{views}} }"}',
    "counted": "200",
    "settle_seconds": 1,
}
SECRETS = {"password": PASSWORD}


@pytest.fixture(scope="module")
def hitcount() -> Iterator[str]:
    with hitcount_site() as url:
        yield url


def target_of(url: str) -> ProvedTarget:
    return proved(url)


def views_of(url: str, recipe: dict[str, Any], video: str) -> int:
    with SiteClient(target_of(url)) as client:
        return sites.adapter("http", recipe, SECRETS).read_count(client, video)


def attempt(url: str, recipe: dict[str, Any], video: str = "harbour", **secrets: str) -> Trial:
    adapter = sites.adapter("http", recipe, SECRETS | secrets)
    return try_once(target_of(url), adapter, f"/videos/{video}", "try-1", wait=2)


@pytest.fixture
def sell(office, settings):
    """Orders on a site by a recipe, delivered at once."""

    def sell_on(
        url: str,
        recipe: dict[str, Any],
        *videos: str,
        count: int = 60,
        deliver: Callable[[], None] = deliver_to_the_end,
        **row: Any,
    ) -> list[Order]:
        settings.PRIVATE_SITES = (Origin.parse(url).host + ":" + str(Origin.parse(url).port),)
        made = {"adapter": "http", "recipe": recipe, "secrets": SECRETS, "max_rate": 5000}
        site, _ = Site.objects.update_or_create(
            origin=url, defaults={"name": "Real", **made, **row}
        )
        customer = rich()
        orders = [placed(customer, site, video, count=count, price=1) for video in videos]
        deliver()
        for order in orders:
            order.refresh_from_db()
        return orders

    return sell_on


@pytest.fixture
def impatient(monkeypatch):
    """What a site answers is final at once."""
    monkeypatch.setattr(retry, "TROUBLE_PATIENCE", timedelta(0))


def rich() -> Customer:
    customer, is_new = Customer.objects.get_or_create(username="rich")
    if is_new:
        ChargeRecord.objects.create(customer=customer, amount=Decimal(1000))
    customer.refresh_from_db()
    return customer


# Trials


def test_a_trial_logs_in_and_shows_every_step_without_its_secrets() -> None:
    with MembersSite() as site:
        trial = attempt(site.url, MEMBERS)
        assert trial.passed, trial
        assert site.views["harbour"] == 42
    first, second, count, play, *_again = trial.exchanges
    assert first.request.startswith("POST /login HTTP/1.1\n")
    assert second.request.startswith("GET /members HTTP/1.1\n")
    assert count.request.startswith("GET /api/videos/harbour HTTP/1.1\n")
    assert play.request.startswith("POST /api/videos/harbour/plays HTTP/1.1\n")
    assert "Cookie: sid=" in play.request
    shown = repr(trial)
    assert "s00000000" not in shown
    assert "Lamp-oil" not in shown


def test_a_login_that_fails_is_shown_with_what_the_site_said() -> None:
    with MembersSite() as site:
        trial = attempt(site.url, MEMBERS, password="wrong & long")
        assert site.views["harbour"] == 41
    assert (trial.verdict.code, trial.verdict.status) == ("call_answered", 403)
    assert "no: log=editor" in trial.exchanges[0].refused
    assert "wrong" not in repr(trial)


def test_a_token_is_read_as_its_page_means_it() -> None:
    """Some templates write what base64 holds as entities, and browsers send what is meant."""
    page = Response(200, {}, b'<input name="csrf" value="a&#x2F;b+c&#61;&amp;copy=2&x">')
    assert Yield("csrf", "pattern", 'value="(.+?)"').of(page, {}) == "a/b+c=&copy=2&x"


def test_a_page_without_the_value_is_told_by_its_name() -> None:
    step = {"path": "/api/videos/{video_id}", "values": MEMBERS["steps"][1]["values"]}
    with MembersSite() as site:
        trial = attempt(site.url, MEMBERS | {"steps": [step]})
    assert trial.verdict.code == "value_not_found"
    assert trial.verdict.params == {"name": "nonce"}


def test_a_reading_alone_shows_what_the_site_answered() -> None:
    with GraphQLSite() as site:
        adapter = sites.adapter("http", GRAPHQL, {"password": "not the one"})
        shown = try_once(target_of(site.url), adapter, "/videos/harbour", None)
        assert shown.verdict.code == "call_answered"
        assert shown.exchanges[0].refused.startswith("HTTP/1.1 401")
        adapter = sites.adapter("http", GRAPHQL, SECRETS)
        good = try_once(target_of(site.url), adapter, "/videos/harbour", None)
        assert good.verdict.params == {"number": 41}
        assert site.views["harbour"] == 41


# Deliveries


def test_one_login_serves_all_orders_of_a_site(sell) -> None:
    with MembersSite() as site:
        orders = sell(site.url, MEMBERS, "harbour", "dawn", count=200)
        assert [order.status for order in orders] == [Status.COMPLETED] * 2
        assert site.views == {"harbour": 241, "dawn": 207}
        assert site.times("POST", "/login") == 1
        assert site.times("GET", "/members") == 1


@pytest.mark.parametrize("refusal", [400, 401, 403, 419, 422, 440, 302])
def test_a_session_that_ends_is_renewed_and_no_play_is_lost(sell, refusal) -> None:
    with MembersSite(uses=150, refusal=refusal) as site:
        [order] = sell(site.url, MEMBERS, "harbour", count=400, max_connections=4)
        assert (order.status, order.done) == (Status.COMPLETED, 400)
        assert site.views["harbour"] == 441
        assert order.fence == 1  # nor did it fail in between
        assert 3 <= site.times("POST", "/login") <= 4


def test_a_site_that_wants_a_token_for_each_play_is_not_logged_into_for_each(
    sell, impatient
) -> None:
    with MembersSite(uses=1) as site:
        [order] = sell(site.url, MEMBERS, "harbour", count=50, max_connections=1)
        assert order.status in (Status.PARTIAL, Status.VERIFYING)
        assert site.times("POST", "/login") <= retry.SESSION_RENEWALS + 1
        assert site.views["harbour"] - 41 <= retry.SESSION_RENEWALS + 1


def test_a_login_that_fails_sends_no_play_and_says_why(sell, impatient) -> None:
    with MembersSite() as site:
        [order] = sell(site.url, MEMBERS, "harbour", secrets={"password": "not the one"})
        assert (order.status, order.done, order.reserved) == (Status.FAILED, 0, 0)
        assert site.views["harbour"] == 41
        assert site.times("POST", "/login") <= 2
    event = order.events.order_by("-pk").first()
    assert event.reason_code == "call_answered"
    assert "not the one" not in str(event.reason_params)


def test_a_recipe_without_its_secret_says_so(sell, impatient) -> None:
    with GraphQLSite() as site:
        [order] = sell(site.url, GRAPHQL, "harbour", secrets=None)
        assert site.views["harbour"] == 41
    assert order.events.order_by("-pk").first().reason_code == "secret_missing"


def test_a_site_at_whose_session_we_fail_ourselves_keeps_no_other_from_being_played(
    sell, settings, monkeypatch
) -> None:
    def fail(preparing: Preparing, response: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Preparing, "take", fail)
    with MembersSite() as members, GraphQLSite() as site:
        [order] = sell(members.url, MEMBERS, "harbour", deliver=deliver)
        assert order.done == 0

        def is_over() -> bool:
            return Order.objects.exclude(pk=order.pk).get().is_final

        [other] = sell(
            site.url,
            GRAPHQL,
            "harbour",
            count=100,
            name="Other",
            deliver=lambda: deliver_to_the_end(until=is_over),
        )
        assert other.status == Status.COMPLETED


def test_graphql_counts_by_a_mutation(sell) -> None:
    with GraphQLSite() as site:
        assert attempt(site.url, GRAPHQL).passed
        [order] = sell(site.url, GRAPHQL, "harbour", count=100)
        assert (order.status, site.views["harbour"]) == (Status.COMPLETED, 142)


# Shipped recipes on their software


def test_django_hitcount_counts_every_play_with_csrf_on(hitcount, sell) -> None:
    recipe = sites.shipped("django-hitcount").recipe | {"settle_seconds": 1}
    before = views_of(hitcount, recipe, "harbour")
    assert attempt(hitcount, recipe).passed
    [order] = sell(hitcount, recipe, "harbour", count=60, max_connections=4)
    assert (order.status, order.done) == (Status.COMPLETED, 60)
    assert views_of(hitcount, recipe, "harbour") == before + 61


def test_without_its_token_django_hitcount_refuses_plays(hitcount) -> None:
    recipe = dict(sites.shipped("django-hitcount").recipe)
    recipe["play_headers"] = [["X-Requested-With", "XMLHttpRequest"]]
    recipe["steps"] = [recipe["steps"][0] | {"cookies": ["none"]}]
    recipe["steps"][0]["values"] = recipe["steps"][0]["values"][:1]
    trial = attempt(hitcount, recipe)
    assert (trial.verdict.code, trial.verdict.params) == ("trial_refused", {"status": 403})
    assert "CSRF" in str(trial.exchanges[2].answer)


def test_a_session_of_its_own_makes_django_hitcount_count_once(hitcount) -> None:
    """Why the recipe keeps the CSRF cookie only."""
    recipe = dict(sites.shipped("django-hitcount").recipe)
    recipe["steps"] = [recipe["steps"][0] | {"cookies": []}]
    adapter = sites.adapter("http", recipe)
    with SiteClient(target_of(hitcount)) as client:
        ready = adapter.prepared(client, "dawn")
        play = ready.play("dawn", "7-1")
        before = ready.read_count(client, "dawn")
        first = client.send(play)
        [session] = [one.partition(";")[0] for one in first.set_cookies if "sessionid" in one]
        client.send(replace(play, cookies=f"{play.cookies}; {session}"))
        assert ready.read_count(client, "dawn") == before + 1


def test_wp_postviews_loses_no_play_with_the_one_connection_that_its_recipe_asks_for(sell) -> None:
    kind = sites.shipped("wordpress-postviews")
    assert kind.max_connections == 1
    recipe = {**kind.recipe, "settle_seconds": 1}
    with PostViewsSite() as site:
        [order] = sell(site.url, recipe, "2026/harbour", max_connections=1)
        assert (order.status, site.views["12"]) == (Status.COMPLETED, 1263)
        assert site.views["13"] == 7
        assert site.times("GET", "/2026/harbour/") == 1


def test_in_parallel_wp_postviews_loses_plays() -> None:
    """The negative control."""
    kind = sites.shipped("wordpress-postviews")
    with PostViewsSite() as site:
        adapter = sites.adapter("http", kind.recipe)
        video = adapter.video_id("/2026/harbour/?from=feed")
        with SiteClient(target_of(site.url)) as client:
            play = adapter.prepared(client, video).play(video, "7-1")

        def send(number: int) -> int:
            with SiteClient(target_of(site.url)) as client:
                return client.send(play).status

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(send, range(80))) == {200}
        assert site.views["12"] < 1203 + 80


def test_no_request_hides_who_asks(sell) -> None:
    with MembersSite() as site:
        sell(site.url, MEMBERS, "harbour", count=5)
        assert_named(site)


def assert_named(site: LocalSite) -> None:
    for request in site.requests:
        assert request.headers["user-agent"].startswith("BoosterOffice/")
        assert not {"referer", "origin", "x-forwarded-for"} & request.headers.keys()
