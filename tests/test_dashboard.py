"""The home page and the board: figures that are right, quick, and only for who may see them."""

import re
from datetime import timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone, translation

from core.live import Audience
from core.live.sources.desk import BoardSource, DashboardSource
from core.models import (
    FLOW,
    Breaker,
    ChargeRecord,
    Customer,
    Heartbeat,
    Order,
    Site,
    Status,
    User,
)
from core.pages import display
from core.pages.dashboard import board, charts, home
from core.reports import dashboard, rollups
from tests.base import client_of, new_staff, placed
from tests.plans import assert_no_table_is_read_whole, listening
from tests.steps import begin, settle

PAGES = ("/admin/home/", "/admin/board/")


@pytest.fixture
def shop(db):
    rollups._kept_days.cache_clear()
    erin = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=erin, amount=Decimal(100))
    return erin, Site.objects.create(name="Harbour", origin="http://127.0.0.1:9")


def place(shop, video: str) -> Order:
    return placed(shop[0], shop[1], video)


def staff_who_may(*codenames: str) -> User:
    user = new_staff("-".join(codenames) or "nobody")
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return User.objects.get(pk=user.pk)


def test_takings_are_charges_less_refunds_and_top_ups_stand_apart(shop):
    place(shop, "1")
    settle(place(shop, "2"), Status.CANCELED, 4000)
    money = dashboard.money()
    assert money.today == money.week == money.month
    assert money.today == dashboard.Takings(Decimal("7.00"), topped_up=Decimal("100.00"))
    assert len(money.days) == 30 and money.days[-1].taken == Decimal("7.00")


def test_the_board_counts_open_orders_now_and_ended_ones_of_today(shop):
    place(shop, "1")
    begin(place(shop, "2"))
    settle(place(shop, "3"), Status.CANCELED, 0)
    counts = {each.status: (each.count, each.week) for each in dashboard.orders_by_status()}
    assert list(counts) == list(FLOW)
    assert counts[Status.PENDING] == (1, 0) == counts[Status.RUNNING]
    assert counts[Status.CANCELED] == (1, 1)
    assert sum(count for count, _week in counts.values()) == 3


def test_figures_that_did_not_change_are_equal(shop):
    place(shop, "1")
    for part in home.PARTS:
        first, second = part.figures(), part.figures()
        assert first == second, part.name
    before = dashboard.machinery(), dashboard.orders_by_status()
    Heartbeat.objects.beat("one:1", queue_is_up=True)
    place(shop, "2")
    after = dashboard.machinery(), dashboard.orders_by_status()
    assert after[0].consumers == 1 and before[0] != after[0] and before[1] != after[1]


def test_until_the_first_count_is_done_the_pages_say_so(shop, alice, monkeypatch):
    """An office with an old past, and a reader who has no time to count it."""
    for back in range(10, 20):
        order = place(shop, str(back))
        settle(order, Status.CANCELED, 0)
        moment = timezone.now() - timedelta(days=back)
        Order.objects.filter(pk=order.pk).update(end_date=moment)
    monkeypatch.setattr(rollups, "READER_SECONDS", -1)
    desk = client_of(alice)
    # Ten days have something to count, and each reader counts one of them.
    for path in ("/admin/home/", "/admin/board/"):
        assert desk.get(path).content.decode().count("for the first time") == 1
    assert dashboard.machinery().delivered is None
    source = BoardSource()
    assert source.render(source.load([""])[""], Audience.STAFF) == {}


PERMISSIONS = [
    ("view_ledgerentry", {"money"}),
    ("view_site", {"sites"}),
    ("view_chargerecord", {"waiting_top_ups"}),
    ("view_importjob", {"waiting_imports"}),
    (
        "view_order",
        {
            *("plays", "machinery", "waiting_orders", "waiting_customers", "waiting_repeats"),
            *("orders", "attention"),
        },
    ),
]


@pytest.mark.parametrize(("codename", "names"), PERMISSIONS)
def test_each_figure_is_for_who_may_see_the_model_behind_it(shop, codename, names):
    user = staff_who_may(codename)
    assert set(client_of(user).get("/admin/home/").context["parts"]) == names
    source = DashboardSource()
    asked = [(user, part.name) for part in home.PARTS]
    assert {key for _pk, key in source.authorize(asked)} == names
    may = codename == "view_order"
    assert client_of(user).get("/admin/board/").status_code == (200 if may else 403)
    assert bool(BoardSource().authorize([(user, "")])) is may
    menu = client_of(user).get("/admin/").content.decode()
    assert ("/admin/board/" in menu) is may


def test_nobody_but_staff_watches_figures(shop):
    customer = staff_who_may("view_order", "view_ledgerentry")
    customer.is_staff = False
    assert DashboardSource().authorize([(customer, part.name) for part in home.PARTS]) == {}
    assert BoardSource().authorize([(customer, "")]) == {}


def test_the_pages_stay_on_indexes(office, django_user_model):
    rollups._kept_days.cache_clear()
    erin = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=erin, amount=Decimal(100))
    site = Site.objects.create(name="Harbour", origin="http://127.0.0.1:9")
    place((erin, site), "1")
    settle(place((erin, site), "2"), Status.CANCELED, 0)
    with listening() as asked:
        for part in home.PARTS:
            part.render(part.figures())
        board.board_of(dashboard.orders_by_status())
    assert_no_table_is_read_whole(asked)


def test_a_site_that_does_not_answer_is_shown_as_such(shop):
    Breaker.objects.create(site=shop[1]).open("it timed out", 2)
    (line,) = dashboard.sites().lines
    assert line.down_since is not None
    assert "not answering since" in home.PARTS[-1].render(dashboard.sites())


def test_every_node_of_the_board_leads_to_its_list(shop, alice):
    place(shop, "1")
    desk = client_of(alice)
    page = desk.get("/admin/board/").content.decode()
    links = re.findall(r'<a href="([^"]+)" class="flow-node[^"]*" data-node="(\d+)"', page)
    assert len(links) == 2 * len(Status)
    for url, status in links:
        shown = desk.get(url).context["cl"].result_count
        assert shown == (1 if int(status) == Status.PENDING else 0)


def test_the_feed_says_what_the_page_says(shop):
    place(shop, "1")
    source = BoardSource()
    data = source.render(source.load([""])[""], Audience.STAFF)
    assert set(data) == {str(status.value) for status in Status}
    assert data["1"]["figure"] == "1" and data["1"]["full"]
    parts = DashboardSource()
    for part in home.PARTS:
        rendered = parts.render(parts.load([part.name])[part.name], Audience.STAFF)
        assert rendered["html"] == part.render(part.figures())


def test_figures_are_read_once_for_many_viewers(shop, django_assert_max_num_queries):
    source = BoardSource()
    source.versions([""])
    with django_assert_max_num_queries(0):
        for _ in range(20):
            source.versions([""])
            source.load([""])


def test_a_day_that_gave_back_more_than_it_took_has_its_bar_within_the_chart():
    points = (charts.Point("11-01", 10.0), charts.Point("11-02", -15.0))
    for drawing in ElementTree.fromstring(f"<p>{charts.draw('bars', points, display.number)}</p>"):
        boxes: dict[str, list[float]] = {"background": [], "rect": []}
        for box in drawing.iter("rect"):
            name = box.get("class", "").split()[0]
            boxes[name].append(float(box.get("y", 0)) + float(box.get("height", 0)))
        assert len(boxes["rect"]) == 2
        assert max(boxes["rect"]) <= min(boxes["background"])


def test_charts_bring_no_script_and_no_style_and_say_what_each_bar_is():
    points = tuple(
        charts.Point(f"11-{day:02}", float(day), f"day {day}: <{day}>") for day in range(1, 31)
    )
    for kind in ("bars", "line"):
        drawn = charts.draw(kind, points, display.number)
        assert not re.search(r"<script|<style|style=|\son\w+=|http://www.w3.org/1999/xlink", drawn)
        root = ElementTree.fromstring(f"<div>{drawn}</div>")
        assert [svg.get("class").split()[1] for svg in root] == ["chart--wide", "chart--narrow"]
    titles = [
        title.text
        for title in ElementTree.fromstring(
            f"<p>{charts.draw('bars', points, display.number)}</p>"
        ).iter()
        if title.tag.endswith("title")
    ]
    assert titles == 2 * [f"day {day}: <{day}>" for day in range(1, 31)]


def test_the_home_page_speaks_chinese(shop, alice):
    place(shop, "1")
    with translation.override("zh-hans"):
        html = home.PARTS[0].render(dashboard.money())
    assert "营业额" in html and "Takings" not in html
