"""What a site calls a video: asked for with its views, kept on the order."""

import pytest

from booster.net.call import Response
from booster.sites import adapter
from core.models import Order, SiteLook
from core.ordering import Quote, place
from tests.base import VIDEO


def test_an_order_keeps_what_its_site_calls_the_video(erin, site, demo_site, policies, bob):
    quote = Quote.prepare(erin, demo_site.address(VIDEO), 10_000)
    assert quote.video_title == "Harbour at Dawn"
    order = place(quote, bob)
    assert Order.objects.get(pk=order.pk).video_title == "Harbour at Dawn"


def test_a_title_is_remembered_with_the_views(erin, site, demo_site, policies):
    for _ in range(2):
        assert Quote.prepare(erin, demo_site.address(VIDEO), 10_000).video_title
    assert SiteLook.objects.get(video_id=VIDEO).title == "Harbour at Dawn"


def answered(body: bytes) -> Response:
    return Response(200, {"content-type": "application/json"}, body)


@pytest.mark.parametrize(
    ("kind", "body", "title"),
    [
        ("demo", b'{"views": 1, "title": "Dawn"}', "Dawn"),
        ("peertube", b'{"views": 1, "name": " Two\\n words\\u0000 "}', "Two words"),
        ("demo", b'{"views": 1, "title": 5}', ""),
        ("demo", b'{"views": 1}', ""),
        ("demo", b"[1]", ""),
    ],
)
def test_a_title_is_one_line_of_text_or_nothing(kind, body, title):
    assert adapter(kind).title_of(answered(body)) == title


def test_a_very_long_title_is_cut():
    assert len(adapter("demo").title_of(answered(b'{"title": "%s"}' % (b"x" * 5000)))) == 200
