"""The way of an order on a page: with whom and when on each step, and names for the desk alone."""

import re

import pytest
from django.template.loader import render_to_string

from core.models import FLOW, Order, OrderEvent, Site, Status, transitions
from core.pages.flow import layout, timeline
from tests.base import client_of, new_staff, placed
from tests.steps import begin, pause_for_token


@pytest.fixture
def order(erin, bob):
    """Placed by the customer, paused, sent on by bob, running."""
    erin.user = new_staff("erin-login")
    erin.user.is_staff = False
    erin.user.save()
    erin.save()
    site = Site.objects.create(name="Harbour", origin="http://127.0.0.1:9")
    order = placed(erin, site, "v", creator=erin.user)
    begin(order)
    pause_for_token(order, "its token is gone <b>", fence=order.fence)
    transitions.apply([(order, transitions.resume(order, "a word among ourselves"))], bob)
    begin(order)
    return order


def drawn(order: Order, **who: str) -> str:
    return render_to_string("flow/order.html", {"order": order, **who})


def titles(html: str) -> dict[str, str]:
    """What each step is called in the wide drawing, by its two numbers."""
    wide = html.split("flow-drawing--narrow")[0]
    return dict(re.findall(r'data-step="([\d-]+)"><title>([^<]*)</title>', wide))


def test_every_step_of_the_table_is_on_the_page_once_a_drawing(order):
    html = drawn(order, audience="desk")
    found = sorted(re.findall(r'data-step="([\d-]+)"', html))
    expected = [f"{start.value}-{end.value}" for start in FLOW for end in FLOW[start]]
    assert found == sorted(2 * expected)
    nodes = sorted(re.findall(r'data-node="(\d+)"', html), key=int)
    assert nodes == sorted(2 * [str(status.value) for status in FLOW], key=int)


def test_each_step_says_who_took_it_and_when(order, bob):
    events = list(order.events.all())
    when = [
        timeline.TimelineEntry(0, None, Status.PENDING, "", e.create_date, "").moment
        for e in events
    ]
    said = titles(drawn(order, audience="desk"))
    assert said["1-2"] == f"pending → running: {when[1]}; {when[4]}"
    assert said["2-9"] == f"running → paused: {when[2]}"
    assert said["9-1"] == f"paused → pending: {when[3]}, bob"
    assert said["2-8"] == "running → verifying: may come next"
    assert said["8-3"] == "verifying → completed"


def test_the_page_says_where_the_order_is_and_what_may_come_next(order):
    html = drawn(order, audience="desk")
    here = re.findall(r'class="flow-node [^"]*flow-node--here[^"]*" data-node="(\d+)"', html)
    assert here == ["2", "2"]
    ahead = set(re.findall(r'class="flow-node [^"]*flow-node--next[^"]*" data-node="(\d+)"', html))
    assert ahead == {str(status.value) for status in FLOW[Status.RUNNING]}
    assert "May come next:" in html and 'tabindex="0"' in html


def test_the_same_is_said_in_a_list(order):
    items = re.findall(r"<li data-number[^>]*>(.*?)</li>", drawn(order, audience="desk"), re.DOTALL)
    text = [re.sub(r"<[^>]+>", "", item) for item in items]
    assert len(text) == 5
    assert "erin-login" in text[0] and "running → paused" in text[2]
    assert "its token is gone &lt;b&gt;" in text[2]


def test_customers_read_of_the_desk_and_never_of_staff(order):
    for html in (drawn(order, audience="customer"), drawn(order)):
        assert "bob" not in html and "ourselves" not in html and "token" not in html
        assert "the desk" in html and "you" in html


def test_a_status_without_a_place_in_the_drawing_is_still_told_in_words(order, monkeypatch):
    for plan in (layout.WIDE_PLAN, layout.NARROW_PLAN):
        monkeypatch.delitem(plan.middles, Status.PAUSED)
    html = drawn(order, audience="desk")
    assert 'data-node="9"' not in html and "2-9" not in titles(html)
    assert titles(html)["1-2"].startswith("pending → running")
    listed = html.split('<ol class="flow-list"')[1]
    assert "running → paused" in listed and "paused → pending" in listed
    onward = html.split("May come next:")[1]
    assert Status.PAUSED in FLOW[Status.RUNNING] and "paused" in onward


def test_the_order_page_shows_its_way(order, alice):
    page = client_of(alice).get(f"/admin/core/order/{order.pk}/change/").content.decode()
    assert "flow-drawing--wide" in page and "office/flow.css" in page and "bob" in page


def test_of_very_many_steps_a_page_shows_the_latest(order, bob, super_desk):
    customer = client_of(order.customer.user)
    steps = [(Status.RUNNING, Status.PAUSED), (Status.PAUSED, Status.RUNNING)] * 200
    OrderEvent.objects.bulk_create(
        OrderEvent(order=order, from_status=start, to_status=end, creator=bob)
        for start, end in steps
    )
    for page in (
        super_desk.get(f"/admin/core/order/{order.pk}/change/").text,
        customer.get(f"/portal/orders/{order.oid}/").text,
    ):
        assert "Earlier steps are not shown here." in page
        assert 100 < page.count("<time") < 250
        assert '<li data-number="405">' in page
        assert '<li data-number="305">' not in page
