"""The feed by hand, step by step: what it asks of the database and what it sends."""

import asyncio
import json
import time

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from core.bulk import selection
from core.db import notifier
from core.db.notifier import ChangeListener, Notifier, notify
from core.db.sessions import find_users
from core.importing import signs
from core.importing.uploads import new_job
from core.live import feed as feeds, subjects
from core.live.feed import Feed
from core.live.source import Audience
from core.live.sources.jobs import imports
from core.live.sources.orders import WholeOrder
from core.live.sources.readings import NEWEST, POINTS
from core.live.subjects import CHANGES_KEPT, RenderedSubject
from core.live.transports import consumers
from core.live.transports.consumers import serve_socket
from core.live.viewers import Viewer
from core.models import (
    BulkJob,
    CounterReading,
    Customer,
    ImportJob,
    Order,
    Site,
    Status,
    User,
)
from tests.base import client_of, placed
from tests.processes import free_port


@pytest.fixture
def orders(erin):
    site = Site.objects.create(name="Harbour", origin="http://127.0.0.1:9")
    return [placed(erin, site, str(number), price="0.01") for number in range(6)]


def session_of(user: User) -> str:
    return client_of(user).cookies["sessionid"].value


def watch(feed: Feed, user: User, *subjects: str, language: str = "en") -> Viewer:
    viewer = Viewer(session_of(user), lambda work, *args: work(*args))
    viewer.watch(set(subjects), {})
    feed.watch(viewer, subjects, language)
    return viewer


def messages_of(viewer: Viewer) -> list[dict]:
    return [json.loads(message) for message in viewer.take_messages()]


def move(order: Order, done: int) -> None:
    Order.objects.filter(pk=order.pk).update(status=Status.RUNNING, reserved=done, done=done)


def queries_of_a_refresh(feed: Feed, order: Order, done: int) -> int:
    move(order, done)
    with CaptureQueriesContext(connection) as captured:
        feed.step()
    return len(captured)


def test_a_refresh_asks_as_much_for_sixty_viewers_as_for_one(feed, alice, bob, carol, orders):
    subjects = [f"order:{order.pk}" for order in orders] + [f"row:{order.pk}" for order in orders]
    viewers = [watch(feed, alice, *subjects)]
    feed.step()
    one = queries_of_a_refresh(feed, orders[0], 100)
    for user in (alice, bob, carol):
        viewers += [watch(feed, user, *subjects) for _ in range(20)]
    feed.step()
    assert queries_of_a_refresh(feed, orders[0], 200) == one
    assert all(messages_of(viewer) for viewer in viewers)


def test_nothing_is_asked_when_nobody_watches(feed, alice, orders, monkeypatch):
    monkeypatch.setattr(subjects, "LINGER_SECONDS", 0.0)
    viewer = watch(feed, alice, f"order:{orders[0].pk}")
    feed.step()
    feed.leave(viewer)
    feed.step()
    with CaptureQueriesContext(connection) as captured:
        feed.step()
    assert len(captured) == 0


def test_everybody_is_asked_again_in_a_constant_number_of_queries(
    feed, alice, bob, carol, orders, monkeypatch
):
    subject = f"order:{orders[0].pk}"
    watch(feed, bob, subject)
    feed.step()
    monkeypatch.setattr(feeds, "AUTHORIZE_SECONDS", 0.0)
    with CaptureQueriesContext(connection) as few:
        feed.step()
    for user in (alice, bob, carol):
        for _ in range(10):
            watch(feed, user, subject)
    feed.step()
    with CaptureQueriesContext(connection) as many:
        feed.step()
    assert len(many) == len(few)


def test_a_text_is_rendered_once_for_all_who_read_the_language(feed, alice, orders, monkeypatch):
    rendered = []
    whole = WholeOrder.render
    monkeypatch.setattr(
        WholeOrder, "render", lambda *args: rendered.append(args[2]) or whole(*args)
    )
    for language in ("en", "en", "en", "zh-hans", "zh-hans"):
        watch(feed, alice, f"order:{orders[0].pk}", language=language)
    feed.step()
    assert len(rendered) == 2


def test_a_reader_that_falls_behind_gets_the_snapshot(feed, alice, orders):
    viewer = watch(feed, alice, f"row:{orders[0].pk}")
    feed.step()
    assert [message["kind"] for message in messages_of(viewer)] == ["snapshot"]
    for done in range(1, CHANGES_KEPT + 5):
        move(orders[0], done)
        feed.step()
    (late,) = messages_of(viewer)
    assert (late["kind"], late["data"]["done"]) == ("snapshot", CHANGES_KEPT + 4)


def test_numbers_are_never_used_again_for_a_subject(feed, alice, orders, monkeypatch):
    monkeypatch.setattr(subjects, "LINGER_SECONDS", 0.0)
    subject = f"row:{orders[0].pk}"
    seen = []
    for done in (1, 2, 3):
        viewer = watch(feed, alice, subject)
        feed.step()
        move(orders[0], done)
        feed.step()
        seen += [message["seq"] for message in messages_of(viewer)]
        feed.leave(viewer)
        feed.step()
    assert seen == sorted(set(seen))


def test_too_many_viewers_of_one_user_are_turned_away(feed, alice, bob, orders, settings):
    settings.LIVE_VIEWERS_PER_USER = 3
    subject = f"row:{orders[0].pk}"
    viewers = [watch(feed, alice, subject) for _ in range(5)] + [watch(feed, bob, subject)]
    feed.step()
    assert [viewer.ended for viewer in viewers] == [None, None, None, 4429, 4429, None]


def test_a_source_that_fails_does_not_stop_the_others(feed, alice, orders, monkeypatch, caplog):
    monkeypatch.setattr(WholeOrder, "load", lambda *args: 1 / 0)
    viewer = watch(feed, alice, f"order:{orders[0].pk}", f"row:{orders[0].pk}")
    feed.step()
    assert [message["subject"] for message in messages_of(viewer)] == [f"row:{orders[0].pk}"]
    assert "'order' failed" in caplog.text


def test_whoever_a_source_cannot_answer_for_is_refused(feed, alice, orders, monkeypatch, caplog):
    monkeypatch.setattr(WholeOrder, "authorize", lambda *args: 1 / 0)
    viewer = watch(feed, alice, f"order:{orders[0].pk}", f"row:{orders[0].pk}")
    feed.step()
    assert {message["kind"] for message in messages_of(viewer)} == {"refused", "snapshot"}
    assert "'order' failed" in caplog.text


def test_changes_hold_what_differs_and_tell_what_is_gone():
    rendered = RenderedSubject("x", 7)
    long = "long enough that two changes are shorter " * 10
    rendered.update({"a": long, "b": [1, 2]})
    assert not rendered.update({"a": long, "b": [1, 2]})
    rendered.update({"a": long, "b": [1]})
    rendered.update({"a": long})
    assert rendered.state is not None
    changes = [json.loads(text)["data"] for text in rendered.state.since(7)]
    assert changes == [{"b": [1]}, {"b": None}]


def test_an_order_with_many_readings_gives_a_curve_of_a_few(orders):
    order = orders[0]
    CounterReading.objects.bulk_create(
        CounterReading(order=order, views=number, done=number) for number in range(3_000)
    )
    source = WholeOrder()
    with CaptureQueriesContext(connection) as captured:
        readings = source.load([str(order.pk)])[str(order.pk)].readings
    assert len(captured) <= 5
    assert POINTS <= len(readings) <= 2 * POINTS
    assert [done for _, _, done in readings[-NEWEST:]] == list(range(2_980, 3_000))
    CounterReading.objects.create(order=order, views=3_000, done=3_000)
    assert source.load([str(order.pk)])[str(order.pk)].readings[-1][2] == 3_000


def test_a_reader_that_takes_nothing_is_let_go(feed, alice, settings, monkeypatch):
    monkeypatch.setattr(consumers, "process_feed", lambda: feed)
    monkeypatch.setattr(consumers, "STALL_SECONDS", 0.05)
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    cookies = {settings.SESSION_COOKIE_NAME: session_of(alice)}
    scope = {"type": "websocket", "headers": headers, "cookies": cookies}
    request = {"type": "websocket.receive", "text": '{"watch": ["board"]}'}

    async def connect_and_stall() -> None:
        events: asyncio.Queue = asyncio.Queue()
        stalled = asyncio.Event()

        async def send(event: dict) -> None:
            if event["type"] == "websocket.send":
                stalled.set()
                await asyncio.sleep(60)

        socket = asyncio.create_task(serve_socket(scope, events.get, send))
        events.put_nowait({"type": "websocket.connect"})
        await asyncio.sleep(0.1)
        feed._run_commands()
        [viewer] = feed._pending
        viewer.update({})  # as the feed says who knows the session
        events.put_nowait(request)
        await asyncio.wait_for(stalled.wait(), 10)
        await asyncio.sleep(0.5)
        events.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await asyncio.wait_for(socket, 10)

    asyncio.run(connect_and_stall())
    feed.step()
    assert feed.seconds_to_next_step() is None


def test_a_viewer_that_watches_nothing_does_not_keep_the_feed_busy(feed, alice):
    watch(feed, alice)
    feed.step()
    seconds = feed.seconds_to_next_step()
    assert seconds is not None
    assert feeds.AUTHORIZE_SECONDS - 1 < seconds <= feeds.AUTHORIZE_SECONDS


def test_what_was_rendered_before_the_database_failed_is_told(feed, alice, orders, monkeypatch):
    row, page = f"row:{orders[0].pk}", f"order:{orders[0].pk}"
    viewer = watch(feed, alice, row)
    feed.step()
    other = watch(feed, alice, page)
    feed.step()
    messages_of(viewer), messages_of(other)
    move(orders[0], 100)

    def fail(*args: object) -> None:
        raise DatabaseError("the connection is lost")

    monkeypatch.setattr(WholeOrder, "versions", fail)
    with pytest.raises(DatabaseError):
        feed.step()
    assert [message["subject"] for message in messages_of(viewer)] == [row]


def test_permissions_in_memory_are_those_that_django_answers_with(alice, bob, carol, dave, frank):
    dave.user_permissions.add(Permission.objects.get(codename="view_order"))
    people = {session_of(user): user for user in (alice, bob, carol, dave)}
    asked = [
        f"{label}.{codename}"
        for label, codename in Permission.objects.values_list("content_type__app_label", "codename")
    ]
    found = find_users(people)
    for session, user in people.items():
        assert {one for one in asked if found[session].has_perm(one)} == {
            one for one in asked if User.objects.get(pk=user.pk).has_perm(one)
        }


def test_a_write_notifies_the_processes_of_the_viewers(
    db, redis, settings, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(notifier, "_notifier", Notifier())
    settings.REDIS_URL = redis.url
    listener = ChangeListener()
    listener.open()
    for _ in range(50):
        with django_capture_on_commit_callbacks(execute=True):
            notify()
        if listener.wait(0.2):
            break
    else:
        pytest.fail("nobody was notified")
    listener.close()


@pytest.mark.timing
def test_a_write_waits_for_nobody_while_redis_is_down(
    db, settings, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(notifier, "_notifier", Notifier())
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    began = time.monotonic()
    for _ in range(100):
        with django_capture_on_commit_callbacks(execute=True):
            notify()
    assert time.monotonic() - began < 10


def test_a_job_is_watched_by_who_made_it_and_by_who_may_see_all(feed, bob, carol, dave, frank):
    job = selection.new_job(BulkJob.Action.DEACTIVATE, Customer.objects.all(), creator=bob)
    mine, others = watch(feed, bob, f"bulkjob:{job.pk}"), watch(feed, carol, f"bulkjob:{job.pk}")
    stranger = watch(feed, dave, f"bulkjob:{job.pk}")
    feed.step()
    assert [message["kind"] for message in messages_of(stranger)] == ["refused"]
    (first,) = messages_of(mine)
    assert "awaiting confirmation" in first["data"]["state"]
    assert len(messages_of(others)) == 1
    job.start()
    feed.step()
    before = first["data"]["doing"]
    (changed,) = messages_of(mine)
    assert changed["data"]["doing"] != before
    assert "in progress" in changed["data"]["state"]
    BulkJob.objects.filter(pk=job.pk).update(done=1, changed=1, total=4)
    feed.step()
    (changed,) = messages_of(mine)
    assert changed["data"].keys() == {"state", "figures"}
    assert "1 of 4 rows" in changed["data"]["state"]


def test_an_import_moves_while_its_rows_are_in_one_transaction(feed, bob, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    job = new_job(ImportJob.Kind.CUSTOMERS, "c.csv", iter([b"username\ngrace\n"]), creator=bob)
    viewer = watch(feed, bob, f"importjob:{job.pk}")
    feed.step()
    assert len(messages_of(viewer)) == 1
    signs.ProgressWriter(job).write(done=250, total=1000, rows=250, seconds=0.5)
    feed.step()
    (changed,) = messages_of(viewer)
    assert "250 of 1,000 rows, 500 per second" in changed["data"]["state"]


def test_a_page_of_an_import_asks_once_how_far_it_is(bob, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    job = new_job(ImportJob.Kind.CUSTOMERS, "c.csv", iter([b"username\ngrace\n"]), creator=bob)
    with CaptureQueriesContext(connection) as queries:
        imports.render(ImportJob.objects.get(pk=job.pk), Audience.STAFF)
    assert sum("core_filepart" in query["sql"] for query in queries) == 1
