"""Trying a site: one play, both exchanges shown, and the counter's word for it."""

from collections.abc import Iterator
from typing import Any

import pytest

from booster import sites
from booster.sites.trial import Trial, try_once
from tests.peertube_server import PeerTubeServer
from tests.raw_server import RawServer, always, answer
from tests.sites import DemoSite
from tests.targets import proved

RECIPE: dict[str, Any] = {
    "video_pattern": "^/videos/([a-z-]+)$",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "play_path": "/api/videos/{video_id}/plays",
}
PATH = "/videos/harbour-at-dawn"


@pytest.fixture
def site() -> Iterator[DemoSite]:
    with DemoSite() as running:
        yield running


def attempt(site: DemoSite, path: str = PATH, **changes: Any) -> Trial:
    target = proved(site.url)
    return try_once(target, sites.adapter("http", RECIPE | changes), path, "try-1", wait=0.1)


def test_a_recipe_that_works_moves_the_counter_by_one_and_shows_every_exchange(
    site: DemoSite,
) -> None:
    before = site.views("harbour-at-dawn")
    trial = attempt(site)
    assert trial.passed
    assert trial.verdict.code == "trial_counted"
    assert (trial.before, trial.after) == (before, before + 1)
    assert site.views("harbour-at-dawn") == before + 1
    assert site.plays("try-1") == 1
    read, play, again = trial.exchanges
    assert read.request.startswith("GET /api/videos/harbour-at-dawn HTTP/1.1\nHost: 127.0.0.1:")
    assert f'"views": {before}' in read.answer or f'"views":{before}' in read.answer
    assert play.request.startswith("POST /api/videos/harbour-at-dawn/plays HTTP/1.1\n")
    assert "X-Play-Order: try-1\n" in play.request
    assert play.answer.startswith("HTTP/1.1 200\n")
    assert str(before + 1) in again.answer


def test_a_play_may_be_answered_by_as_large_a_page_as_in_an_order() -> None:
    page = b"<p>Views: 7</p>" + b"." * 600_000
    recipe = RECIPE | {"count_path": "/videos/{video_id}", "count_marker": "Views:"}
    recipe |= {"play_path": "/videos/{video_id}", "play_method": "GET"}
    adapter = sites.adapter("http", {name: recipe[name] for name in recipe if name != "count_json"})
    with RawServer(always(answer(page))) as server:
        trial = try_once(proved(server.url), adapter, PATH, "try-1", wait=0)
    assert trial.verdict.code == "trial_not_counted_yet"
    assert trial.exchanges[1].answer.startswith("HTTP/1.1 200")


def test_a_play_may_be_answered_by_a_compressed_page_as_in_an_order() -> None:
    """Nobody reads it, so the counter has the last word."""
    views, packed = (
        answer(b'{"views": 7}'),
        answer(b"\x1f\x8b", headers=("Content-Encoding: gzip",)),
    )
    with RawServer(always(views, packed, answer(b'{"views": 8}'))) as server:
        trial = try_once(proved(server.url), sites.adapter("http", RECIPE), PATH, "try-1", wait=0)
    assert trial.passed


def test_a_counter_that_does_not_move_is_told(site: DemoSite) -> None:
    trial = attempt(site, play_path="/videos/{video_id}", play_method="GET")
    assert not trial.passed
    assert trial.moved == 0
    assert trial.verdict.code == "trial_not_counted_yet"


def test_a_play_that_is_refused_is_told_with_its_status_and_answer(site: DemoSite) -> None:
    trial = attempt(site, play_path="/no/such/{video_id}")
    assert not trial.passed
    assert (trial.verdict.code, trial.verdict.params) == ("trial_refused", {"status": 404})
    assert trial.exchanges[1].answer.startswith("HTTP/1.1 404\n")


def test_a_count_that_cannot_be_read_sends_no_play(site: DemoSite) -> None:
    before = site.views("harbour-at-dawn")
    trial = attempt(site, count_json="no.such.key")
    assert not trial.passed
    assert trial.before is trial.moved is trial.after is None
    assert trial.verdict.code == "no_view_count"
    assert trial.verdict.params == {"path": "no.such.key"}
    assert len(trial.exchanges) == 1
    assert site.views("harbour-at-dawn") == before


def test_an_address_of_no_video_sends_nothing(site: DemoSite) -> None:
    trial = attempt(site, "/about")
    assert trial.verdict.code == "not_a_video"
    assert trial.exchanges == ()


def test_a_site_that_is_down_is_told(site: DemoSite) -> None:
    target = proved(site.url)
    site.stop()
    trial = try_once(target, sites.adapter("http", RECIPE), PATH, "try-1")
    assert trial.verdict.code == "connection_refused"
    assert trial.exchanges[0].answer is trial.verdict


def test_a_site_whose_counter_lags_says_for_how_long() -> None:
    with PeerTubeServer() as server:
        video = server.add_video().uuid
        target = proved(server.url)
        trial = try_once(target, sites.adapter("peertube"), f"/w/{video}", "try-1", wait=0)
    assert not trial.passed
    assert trial.verdict.code == "trial_not_counted_yet"
    assert trial.verdict.params == {"seconds": 2400}
