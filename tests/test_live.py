"""The change feed by real sockets and polls on a real web server: complete, once, and only for who
may see it."""

import itertools
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from http.client import HTTPConnection
from threading import Event

import pytest
from django.conf import settings
from django.db import connection, transaction
from websockets.exceptions import InvalidStatus

from core.live.transports.consumers import HEARTBEAT_SECONDS
from core.live.transports.gate import Arrivals
from core.models import ChargeRecord, Customer, Order, OrderEvent, Site, Status, User
from tests.base import client_of, new_staff, placed
from tests.benchmarks.live import GROWTH, place_orders, sessions, watched_by
from tests.live_client import LiveSocket, poll
from tests.office import KINDS, Office, working_in

numbers = itertools.count(1)


COUNTED = "tests.benchmarks.counted:application"


@pytest.fixture(scope="module")
def shared(sqlite_template, tmp_path_factory):
    """One office on SQLite, with its web server, for all tests here."""
    folder = tmp_path_factory.mktemp("live")
    shutil.copy(sqlite_template, folder)
    office = Office("sqlite", folder)
    office.web(COUNTED)
    yield office
    office.close()


@pytest.fixture(params=KINDS)
def office(request, django_db_blocker):
    if request.param == "sqlite":
        office = request.getfixturevalue("shared")
    else:
        office = request.getfixturevalue("new_office")(request.param)
        office.web(COUNTED)
    with django_db_blocker.unblock(), working_in(office):
        yield office


@pytest.fixture
def web(office):
    return office.processes[0]


@pytest.fixture
def alice(office):
    return new_staff(new_name(), is_superuser=True)


@pytest.fixture
def order(office):
    return place()


def new_name() -> str:
    return f"somebody{next(numbers)}"


def place(user: User | None = None) -> Order:
    video = new_name()
    customer = Customer.objects.create(username=video, user=user)
    ChargeRecord.objects.create(customer=customer, amount=Decimal("20.00"))
    site, _ = Site.objects.get_or_create(name="Harbour", origin="http://127.0.0.1:9")
    return placed(customer, site, video, memo="only for us")


def session_of(user: User) -> str:
    return client_of(user).cookies["sessionid"].value


def checkpoint(order: Order, done: int) -> None:
    """What a consumer's checkpoint writes."""
    Order.objects.filter(pk=order.pk).update(status=Status.RUNNING, reserved=done, done=done)


def test_a_checkpoint_reaches_who_watches_the_order(web, alice, order):
    subject = f"order:{order.pk}"
    with LiveSocket(web.url, session_of(alice)) as socket:
        socket.watch(subject)
        first = socket.until(lambda message: message["kind"] == "snapshot")
        assert first["data"]["label"] == "pending"
        checkpoint(order, 2_500)
        changed = socket.until(lambda message: message["kind"] == "change")
        assert changed["data"]["percent"] == 25
        assert "count" not in changed["data"]


def test_a_page_that_asks_whether_anybody_is_there_is_answered_at_once(web, alice, order):
    with LiveSocket(web.url, session_of(alice)) as socket:
        socket.watch(f"order:{order.pk}")
        socket.until(lambda message: message["kind"] == "snapshot")
        socket.socket.send("ping")
        assert socket.frame(HEARTBEAT_SECONDS / 2) == []


def test_a_viewer_that_comes_back_misses_nothing_and_gets_nothing_twice(web, alice, order):
    session, subject = session_of(alice), f"order:{order.pk}"
    with LiveSocket(web.url, session) as first:
        first.watch(subject)
        first.until(lambda message: message["kind"] == "snapshot")
        checkpoint(order, 100)
        first.until(lambda message: message["data"].get("done") == 100)
    checkpoint(order, 200)
    time.sleep(1)
    checkpoint(order, 300)
    with LiveSocket(web.url, session) as second:
        second.feed, second.state, second.seq = first.feed, first.state, first.seq
        second.watch(subject)
        second.until(lambda message: message["data"].get("done") == 300)
        assert {message["kind"] for message in second.messages} == {"change"}
        assert second.state[subject]["count"] == 10_000


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_numbers_of_another_process_are_answered_with_a_snapshot(office, web, alice, order):
    session, subject = session_of(alice), f"order:{order.pk}"
    other = office.web()
    with LiveSocket(web.url, session) as first:
        first.watch(subject)
        first.until(lambda message: message["kind"] == "snapshot")
    with LiveSocket(other.url, session) as second:
        second.feed, second.seq = first.feed, first.seq
        second.watch(subject)
        assert second.frame() == [] or second.messages
        second.until(lambda message: message["kind"] == "snapshot")


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_polls_tell_the_same_and_a_long_one_waits_for_news(web, alice, order):
    session, subject = session_of(alice), f"order:{order.pk}"
    status, answer = poll(web.url, session, subject)
    assert (status, answer["messages"][0]["kind"]) == (200, "snapshot")
    has = {"since": {subject: answer["messages"][0]["seq"]}, "feed": answer["feed"]}
    assert poll(web.url, session, subject, **has)[1]["messages"] == []
    began = time.monotonic()
    assert poll(web.url, session, subject, wait=1, **has)[1]["messages"] == []
    assert time.monotonic() - began > 0.9
    checkpoint(order, 500)
    _, answer = poll(web.url, session, subject, wait=20, **has)
    assert answer["messages"][0]["kind"] == "change"
    assert answer["messages"][0]["data"]["done"] == 500


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_customers_watch_their_own_orders_without_what_is_for_staff_only(web, office):
    grace = User.objects.create(username=new_name())
    own, others = place(grace), place()
    Order.objects.update(attention="somebody should look")
    with LiveSocket(web.url, session_of(grace)) as socket:
        socket.watch(f"order:{own.pk}", f"order:{others.pk}", f"row:{others.pk}", "order:x", "no")
        while len(socket.messages) < 5:
            socket.frame()
    refused = {message["subject"] for message in socket.messages if message["kind"] == "refused"}
    assert refused == {f"order:{others.pk}", f"row:{others.pk}", "order:x", "no"}
    assert set(socket.state) == {f"order:{own.pk}"}
    told = str(socket.state)
    assert "only for us" not in told and "somebody should look" not in told


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_staff_without_the_permission_are_refused(web, office, order):
    dave = new_staff(new_name())
    with LiveSocket(web.url, session_of(dave)) as socket:
        socket.watch(f"order:{order.pk}")
        assert socket.until(lambda message: True)["kind"] == "refused"


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_a_right_that_is_taken_away_ends_the_watching(web, office, order):
    bob = new_staff(new_name(), "Administrators")
    with LiveSocket(web.url, session_of(bob)) as socket:
        socket.watch(f"order:{order.pk}")
        socket.until(lambda message: message["kind"] == "snapshot")
        bob.groups.clear()
        socket.until(lambda message: message["kind"] == "refused")
        checkpoint(order, 400)
        with pytest.raises(TimeoutError):
            socket.until(lambda message: True, seconds=1)


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_a_session_that_ends_or_a_user_switched_off_closes_the_socket(web, alice, order):
    bob = new_staff(new_name(), "Administrators")
    client = client_of(alice)
    with (
        LiveSocket(web.url, client.cookies["sessionid"].value) as ended,
        LiveSocket(web.url, session_of(bob)) as off,
    ):
        for socket in (ended, off):
            socket.watch(f"order:{order.pk}")
            socket.until(lambda message: message["kind"] == "snapshot")
        client.logout()
        User.objects.filter(pk=bob.pk).update(is_active=False)
        assert (ended.close_code(), off.close_code()) == (4401, 4401)


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_other_origins_and_strangers_get_nothing(web, alice, order):
    session, subject = session_of(alice), f"order:{order.pk}"
    for origin in ("http://elsewhere.example", "http://127.0.0.1:1", "null"):
        with pytest.raises(InvalidStatus):
            LiveSocket(web.url, session, origin=origin)
        assert poll(web.url, session, subject, origin=origin)[0] == 403
    for stranger in ("", "0123456789abcdef0123456789abcdef", "no session at all", "\u00e9" * 32):
        with pytest.raises(InvalidStatus) as refused:
            LiveSocket(web.url, stranger)
        assert refused.value.response.status_code == 403
        assert poll(web.url, stranger, subject)[0] == 401


TOO_LONG = '{"watch": ["' + "x" * 200 + '"]}'
NONSENSE = (
    *("", "[", "null", "1", '{"watch": 1}', '{"watch": [1]}', TOO_LONG),
    *("[" * 50_000, '{"watch": [], "wait": ' + "9" * 5_000 + "}", '{"watch": [], "wait": "x"}'),
    *(b"{}", b"\xff\xfe{\x00}\x00", b"\x00" * 100),
)
# Understood, whatever is in them.
ODD = (
    *('{"watch": []}', '{"watch": ["\\ud800", "order:\\udfff", "order:\\u00b2", "order:"]}'),
    '{"watch": [], "since": {"order:1": ' + "9" * 4_000 + '}, "wait": 1e999}',
    '{"watch": ["order:'
    + "9" * 80
    + '", "messages:-1"], "language": '
    + "[" * 800
    + "]" * 800
    + "}",
    '{"watch": ["order:1\\u0000"], "wait": NaN, "language": "x\\u0000y"}',
)


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_nonsense_is_answered_by_a_close_code_and_never_by_a_traceback(web, alice, order):
    session = session_of(alice)
    for nonsense in NONSENSE:
        with LiveSocket(web.url, session) as socket:
            socket.socket.send(nonsense)
            assert socket.close_code() == 4400, nonsense
    for odd in ODD:
        with LiveSocket(web.url, session) as socket:
            socket.socket.send(odd)
            socket.watch(f"order:{order.pk}")
            socket.until(lambda message: message["kind"] == "snapshot")
    assert "Traceback" not in web.log() and "failed" not in web.log()


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_a_socket_that_says_nothing_is_closed(web, alice):
    began = time.monotonic()
    with LiveSocket(web.url, session_of(alice)) as socket:
        assert socket.close_code() == 4408
    assert 4 < time.monotonic() - began < 8


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_an_address_has_so_many_sockets(office, alice, order):
    web = office.web(LIVE_SOCKETS_PER_ADDRESS="3")
    with ExitStack() as stack:
        for _socket in range(3):
            socket = stack.enter_context(LiveSocket(web.url, session_of(alice)))
            socket.watch(f"order:{order.pk}")
        with pytest.raises(InvalidStatus):
            LiveSocket(web.url, session_of(alice))
        socket.close()
        time.sleep(0.5)
        LiveSocket(web.url, session_of(alice)).close()


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_a_user_has_so_many_viewers(office, alice):
    web = office.web(LIVE_VIEWERS_PER_USER="2")
    session = session_of(alice)
    with LiveSocket(web.url, session), LiveSocket(web.url, session):
        with pytest.raises(InvalidStatus):
            LiveSocket(web.url, session)
        assert poll(web.url, session, "board")[0] == 429


def test_an_address_that_comes_again_and_again_is_slowed_down(settings):
    settings.LIVE_SOCKETS_PER_ADDRESS = 60
    arrivals = Arrivals()
    assert [arrivals.count("192.0.2.1", 0.0) for _time in range(61)] == [True] * 60 + [False]
    assert arrivals.count("192.0.2.2", 0.0)
    assert [arrivals.count("192.0.2.1", 1.0) for _time in range(6)] == [True] * 5 + [False]


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_a_page_that_hangs_up_does_not_count_as_a_viewer_any_more(web, alice, order):
    session, subject = session_of(alice), f"order:{order.pk}"
    _, answer = poll(web.url, session, subject)
    since = {subject: answer["messages"][0]["seq"]}
    body = json.dumps({"watch": [subject], "since": since, "feed": answer["feed"], "wait": 25})
    headers = {"Cookie": f"sessionid={session}", "Origin": web.url}
    for _ in range(settings.LIVE_VIEWERS_PER_USER + 1):
        waiting = HTTPConnection(web.url.removeprefix("http://"))
        waiting.request("POST", "/live/poll/", body, headers)
        time.sleep(0.05)
        waiting.close()
    time.sleep(1)
    assert poll(web.url, session, subject)[0] == 200


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
@pytest.mark.timing
def test_a_server_that_stops_waits_for_no_socket_and_no_long_poll(office, alice, order):
    web = office.web()
    session, subject = session_of(alice), f"order:{order.pk}"
    _, answer = poll(web.url, session, subject)
    has = {"since": {subject: answer["messages"][0]["seq"]}, "feed": answer["feed"]}
    with ThreadPoolExecutor(1) as threads, LiveSocket(web.url, session) as socket:
        socket.watch(subject)
        socket.until(lambda message: message["kind"] == "snapshot")
        polling = threads.submit(poll, web.url, session, subject, wait=25, **has)
        time.sleep(0.5)
        began = time.monotonic()
        web.terminate()
        assert time.monotonic() - began < 10
        assert (socket.close_code(), polling.result()[0]) == (1012, 503)


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_a_lower_id_that_is_committed_after_a_higher_one_is_not_lost(web, alice, order):
    drawn, may_commit = Event(), Event()

    def slow() -> int:
        with transaction.atomic():
            event = noted(order, "the slow one")
            drawn.set()
            may_commit.wait(20)
        connection.close()
        return event.pk

    with LiveSocket(web.url, session_of(alice)) as socket, ThreadPoolExecutor(1) as threads:
        socket.watch(f"order:{order.pk}")
        low = threads.submit(slow)
        assert drawn.wait(20)
        high = noted(order, "the quick one")
        socket.until(lambda message: "the quick one" in message["data"].get("events", ""))
        assert "the slow one" not in str(socket.state)
        may_commit.set()
        socket.until(lambda message: "the slow one" in message["data"].get("events", ""))
        assert low.result() < high.pk


def noted(order: Order, reason: str) -> OrderEvent:
    return OrderEvent.objects.create(order=order, to_status=Status.PENDING, reason=reason)


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_a_hundred_sockets_cost_no_more_queries_than_one(web):
    ids, keys = place_orders(4), sessions(100)
    one, hundred = (watched_by(web.url, keys[:number], ids, 2) for number in (1, 100))
    assert hundred["queries"] <= GROWTH * one["queries"] + 1
    assert (one["missed"], hundred["missed"]) == (0, 0)
