"""Parts of pages are made once for many viewers, and none is older than the last commit, in
whichever process it is shown."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal

import pytest
import requests
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connections, transaction
from django.utils import translation

from core.db.versions import FileWatch, rows_version
from core.live.sources.desk import DashboardSource
from core.models import ChargeRecord, Customer, PricePolicy, User
from core.models.heartbeats import WebProcess
from core.pages import kept as keeping
from core.pages.dashboard import home
from core.pages.kept import kept
from core.pages.quotes import bundles_on_sale
from core.reports import rollups
from office.caches import SharedParts
from tests.base import client_of, new_staff
from tests.office import wait_for
from tests.plans import listening

VIEWERS = 50
# What a page asks for each viewer: who it is, whether the office is paused, the rows' version.
OF_A_VIEWER = ("django_session", "core_user", "core_pause", "auth_", "pg_current_snapshot")
PAGES = ("/admin/home/", "/admin/board/", "/admin/core/order/add/")


@pytest.fixture(autouse=True)
def nothing_kept():
    for name in ("default", "parts"):
        caches[name].clear()
    rollups._kept_days.cache_clear()


@pytest.fixture
def clerk(office) -> User:
    user = new_staff("clerk", "Administrators")
    return User.objects.get(pk=user.pk)


@pytest.fixture
def erin(office) -> Customer:
    return Customer.objects.create(username="erin")


def pay(customer: Customer, amount: int = 1) -> None:
    ChargeRecord.objects.create(customer=customer, amount=Decimal(amount))


def topped_up(page: str) -> int:
    """Today's top-ups, as the home page says them."""
    found = re.search(r"topped up ([\d,]+)", page)
    assert found
    return int(found[1].replace(",", ""))


@pytest.fixture
def bookkeeper(office) -> User:
    """Who sees the takings and nothing else."""
    user = new_staff("bookkeeper")
    user.user_permissions.set(Permission.objects.filter(codename="view_ledgerentry"))
    return User.objects.get(pk=user.pk)


def shown_to(user: User) -> int:
    return topped_up(home.parts_for(user)["money"])


@pytest.mark.parametrize("path", PAGES)
def test_fifty_viewers_ask_no_more_of_the_database_than_one(clerk, erin, path, monkeypatch):
    asked_for = []

    def version() -> str | None:
        asked_for.append(rows_version())
        return asked_for[-1]

    monkeypatch.setattr(keeping, "KEPT_SECONDS", 600)
    monkeypatch.setattr(keeping, "rows_version", version)
    pay(erin)
    while not rollups.catch_up():
        pass
    desk = client_of(clerk)
    with listening() as of_one:
        first = desk.get(path).content
    asked_for.clear()
    with listening() as of_others:
        others = [desk.get(path).content for _ in range(VIEWERS - 1)]
    assert {len(page) for page in others} == {len(first)}
    again = [one.sql for one in of_others if not any(word in one.sql for word in OF_A_VIEWER)]
    if path == PAGES[-1]:  # the form itself asks for what may be chosen in it
        again = [sql for sql in again if PricePolicy._meta.db_table in sql]
    # Servers of PostgreSQL tidy up by themselves, which is a commit as any other.
    assert len(asked_for) == VIEWERS - 1 and None not in asked_for
    assert len(again) <= (len(set(asked_for)) - 1) * len(of_one)
    assert len(of_others) / (VIEWERS - 1) < len(of_one)


def test_a_part_is_made_anew_for_another_version_and_language_and_where_there_is_none(monkeypatch):
    versions_now: list[str | None] = ["a"]
    monkeypatch.setattr(keeping, "KEPT_SECONDS", 600)
    monkeypatch.setattr(keeping, "rows_version", lambda: versions_now[-1])
    made: list[str] = []

    def make() -> str:
        made.append("")
        return f"<b>{len(made)}</b>"

    assert [kept({"one": make})["one"] for _ in range(3)] == 3 * ["<b>1</b>"]
    assert kept({"other": make})["other"] == "<b>2</b>"
    versions_now.append("b")
    assert kept({"one": make})["one"] == "<b>3</b>"
    versions_now.append(None)
    assert [kept({"one": make})["one"] for _ in range(2)] == ["<b>4</b>", "<b>5</b>"]
    versions_now.append("b")
    with translation.override("zh-hans"):
        assert kept({"one": make})["one"] == "<b>6</b>"
    assert kept({"one": make, "other": make}) == {"one": "<b>3</b>", "other": "<b>7</b>"}


@contextmanager
def in_a_thread(work) -> Iterator[None]:
    """What it raises is raised at the end."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(run)
        yield
        done.result(60)


def test_the_version_is_another_once_somebody_committed_and_not_before(office, erin):
    written, told = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            pay(erin)
            written.set()
            told.wait(20)

    def steady_version() -> str:
        """Asked until nobody tidies up in between."""
        wait_for(lambda: rows_version() == rows_version() is not None, what="a steady version")
        return str(rows_version())

    before = steady_version()
    with in_a_thread(write):
        assert written.wait(20)
        during = steady_version()
        assert ChargeRecord.objects.count() == 0
        told.set()
    assert ChargeRecord.objects.count() == 1
    assert rows_version() not in (before, during)
    with transaction.atomic():
        assert rows_version() is None


def test_a_watch_that_fails_says_nothing_and_its_next_versions_are_new_ones(tmp_path):
    watch = FileWatch()
    path = str(tmp_path / "office.sqlite3")
    assert watch.version(path) is None is watch.version(":memory:")
    with closing(sqlite3.connect(path)) as writer:
        writer.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE t (n); INSERT INTO t VALUES (1)"
        )
        first = watch.version(path)
        assert first is not None and watch.version(path) == first
        writer.execute("UPDATE t SET n = 2")
        assert watch.version(path) == first
        writer.commit()
        second = watch.version(path)
        assert second not in (None, first)
    watch._connection.close()
    assert watch.version(path) is None
    assert watch.version(path) not in (None, first, second)


def test_no_page_shows_money_that_is_older_than_a_commit(bookkeeper, erin, monkeypatch):
    """Readers note how much was committed before they look, and find no less."""
    monkeypatch.setattr(keeping, "KEPT_SECONDS", 600)
    with monkeypatch.context() as blind:  # the fault, where nobody asks for the version
        blind.setattr(keeping, "rows_version", lambda: "same")
        pay(erin)
        assert shown_to(bookkeeper) == 1
        pay(erin)
        assert shown_to(bookkeeper) == 1
    committed, stale = [2], []
    end = threading.Event()

    def write() -> None:
        try:
            for _ in range(15):
                pay(erin)
                committed[0] += 1
        finally:
            end.set()

    def look() -> None:
        while True:
            is_last, least = end.is_set(), committed[0]
            if (shown := shown_to(bookkeeper)) < least:
                stale.append((shown, least))
            if is_last:
                return

    with in_a_thread(look), in_a_thread(look), in_a_thread(write):
        pass
    assert (stale, shown_to(bookkeeper)) == ([], 17)


def test_the_feed_shows_no_older_money_than_the_page(erin):
    source = DashboardSource()

    def topped_up_now() -> Decimal:
        _part, figures = source.load(["money"])["money"]
        return figures.today.topped_up

    before = topped_up_now()
    pay(erin)
    assert topped_up_now() == before + 1


def test_two_web_processes_show_what_a_third_committed(office, clerk, erin):
    """With PostgreSQL they share what they keep by Redis, with SQLite each keeps its own."""
    server = office.run_web("--processes", "2", REQUIRE_TWO_STEP="off")
    wait_for(lambda: WebProcess.objects.count() == 2, what="both processes")
    cookies = {"sessionid": client_of(clerk).cookies["sessionid"].value}

    def pages(path: str) -> list[str]:
        """By new connections, so that both processes answer some."""
        answers = [requests.get(server.url + path, cookies=cookies, timeout=30) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.text for answer in answers]

    for number in range(1, 4):
        pay(erin)
        assert {topped_up(page) for page in pages("/admin/home/")} == {number}
    PricePolicy.objects.filter(count=10_000).update(price="7.31")
    assert all("7.31" in page for page in pages("/admin/core/order/add/"))
    assert "7.31" in [bundle["price"] for bundle in bundles_on_sale()]


# Where they are kept


@pytest.fixture
def shared(own_redis) -> SharedParts:
    return SharedParts(own_redis.url, {"KEY_PREFIX": "test"})


def test_redis_gives_what_was_put_there_and_nothing_that_others_wrote(shared, own_redis):
    values = {"one": "<b>营业额</b>", "two": [{"count": 10_000, "price": "5.00"}]}
    shared.set_many(values, 600)
    assert shared.get_many([*values, "three"]) == values
    client = shared._cache.get_client()
    client.set(shared.make_key("one"), b'"<script>"')
    client.set(shared.make_key("two"), client.get(shared.make_key("two"))[:-1] + b"?")
    client.set(shared.make_key("three"), b"\x80\x04N.")
    assert shared.get_many([*values, "three"]) == {}
    with pytest.raises(NotImplementedError):
        shared.clear()


def test_without_redis_pages_are_made_anew_and_it_is_left_alone_for_a_while(
    shared, own_redis, monkeypatch
):
    own_redis.stop()
    assert shared.get_many(["one"]) == {}
    with monkeypatch.context() as unasked:
        unasked.setattr(shared, "_cache", None)
        assert shared.set_many({"one": "1"}, 600) == ["one"]
    own_redis.start()

    def is_used_again() -> bool:
        shared._rests_until = 0.0
        shared.set_many({"one": "1"}, 600)
        return shared.get_many(["one"]) == {"one": "1"}

    wait_for(is_used_again)


def test_browsers_keep_the_texts_of_the_admins_scripts_and_only_staff_gets_them(bob, client):
    desk = client_of(bob)
    texts = desk.get("/admin/jsi18n/")
    assert "max-age=600" in texts["Cache-Control"] and "Cookie" in texts["Vary"]
    chinese = desk.get("/admin/jsi18n/", headers={"accept-language": "zh-hans"}).content
    assert texts.content == desk.get("/admin/jsi18n/").content != chinese
    assert client.get("/admin/jsi18n/").status_code == 302
