""" "Try it" on a site's page: one play, both sides of every exchange, the counter's word for it."""

import pytest
from django.contrib.admin.models import LogEntry

from core import ordering
from core.admin.sites import EXCHANGE_SHOWN
from core.models import Order, Site
from core.ordering import Quote
from tests.base import VIDEO, client_of, messages_of

RECIPE = {
    "video_pattern": r"/videos/([\w-]+)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "play_path": "/api/videos/{video_id}/plays",
}


@pytest.fixture
def verified(site):
    Site.objects.update(verified=True)
    site.refresh_from_db()
    return site


def try_page(site: Site) -> str:
    return f"/admin/core/site/{site.pk}/try/"


def change_page(site: Site) -> str:
    return f"/admin/core/site/{site.pk}/change/"


def test_one_play_is_sent_and_everything_said_is_shown(desk, bob, verified, demo_site):
    before = demo_site.views(VIDEO)
    assert "Try it" in desk.get(change_page(verified)).content.decode()
    reply = desk.post(try_page(verified), {"url": demo_site.address(VIDEO)})
    assert demo_site.views(VIDEO) == before + 1
    page = reply.content.decode()
    assert "The counter moved by one." in page
    assert f"POST /api/videos/{VIDEO}/plays HTTP/1.1" in page
    assert "HTTP/1.1 200" in page
    assert f"X-Play-Order: trial-{verified.pk}-" in page
    trial = reply.context["trial"]
    assert (trial.before, trial.after) == (before, before + 1)
    log = LogEntry.objects.get(object_id=str(verified.pk))
    assert log.user == bob
    assert demo_site.address(VIDEO) in log.change_message
    assert not Order.objects.exists()


def test_a_recipe_that_plays_at_the_wrong_place_is_told_by_its_answer(desk, verified, demo_site):
    Site.objects.update(adapter="http", recipe=RECIPE | {"play_path": "/no/such/{video_id}"})
    before = demo_site.views(VIDEO)
    page = desk.post(try_page(verified), {"url": demo_site.address(VIDEO)}).content.decode()
    assert "The site answered 404 to the play" in page
    assert "HTTP/1.1 404" in page
    assert demo_site.views(VIDEO) == before


def test_what_the_site_answers_is_text_and_no_longer_than_can_be_read(desk, verified, demo_site):
    Site.objects.update(
        adapter="http", recipe=RECIPE | {"play_method": "GET", "play_path": "/videos/{video_id}"}
    )
    page = desk.post(try_page(verified), {"url": demo_site.address(VIDEO)})
    (_read, played, *_readings) = page.context["exchanges"]
    assert len(played[1]) <= EXCHANGE_SHOWN + 2
    assert "<!doctype html>" in played[1].lower()
    assert "&lt;!doctype html&gt;" in page.content.decode().lower()
    assert page.content.decode().lower().count("<!doctype html") == 1


def test_a_site_that_is_not_verified_is_sent_nothing(desk, site, demo_site):
    before = demo_site.views(VIDEO)
    assert "Try it" not in desk.get(change_page(site)).content.decode()
    reply = desk.post(try_page(site), {"url": demo_site.address(VIDEO)}, follow=True)
    assert "not verified" in messages_of(reply)[0]
    assert demo_site.views(VIDEO) == before
    assert not site.checks.exists()
    assert not LogEntry.objects.exists()


def test_a_site_that_lost_its_token_is_sent_nothing(desk, verified, demo_site):
    before = demo_site.views(VIDEO)
    demo_site.remove_token(verified.token)
    desk.post(try_page(verified), {"url": demo_site.address(VIDEO)})
    assert demo_site.views(VIDEO) == before
    verified.refresh_from_db()
    assert not verified.verified


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://videos.example.org/videos/1", "not on"),
        ("", "address"),
        ("{site}/about", "not a video address"),
    ],
)
def test_an_address_of_another_place_is_refused(desk, verified, demo_site, url, reason):
    reply = desk.post(try_page(verified), {"url": url.format(site=demo_site.url)}, follow=True)
    assert reason in messages_of(reply)[0]
    assert not LogEntry.objects.exists()


def test_a_video_with_an_open_order_is_left_alone(desk, verified, demo_site, erin, policies, bob):
    """The order would be proved by a play that is none of its own."""
    before = demo_site.views(VIDEO)
    ordering.place(Quote.prepare(erin, demo_site.address(VIDEO), 10_000), bob)
    reply = desk.post(try_page(verified), {"url": demo_site.address(VIDEO)}, follow=True)
    assert messages_of(reply) == ["This video is in use by another open order or calibration."]
    assert demo_site.views(VIDEO) == before


def test_who_may_only_look_sends_no_play(carol, verified, demo_site):
    before = demo_site.views(VIDEO)
    client = client_of(carol)
    assert "Try it" not in client.get(change_page(verified)).content.decode()
    assert client.post(try_page(verified), {"url": demo_site.address(VIDEO)}).status_code == 403
    assert demo_site.views(VIDEO) == before
