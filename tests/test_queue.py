"""Whatever stands in the queue, and whatever becomes of it, stops no worker, no page and no command
(law 1)."""

import logging
import os
import pickle
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis as redis_client
from django.core.exceptions import ImproperlyConfigured
from huey.contrib.djhuey import HUEY
from huey.registry import Message

from core.importing.uploads import new_job
from core.models import ImportJob, Status
from core.ops import doctor
from core.ops.doctor import Level
from core.tasks import sweep_jobs
from office import queue
from office.queue import WakeUps
from office.queue_stores import QueueFile
from tests.office import wait_for
from tests.queues import FILE, KEY, garbage, replica, saved, set_aside

FORMER = "the secret key before"


# Messages


@pytest.fixture(params=["file", "redis"])
def wake_ups(request, tmp_path) -> WakeUps:
    """A queue of its own with one task in its register, `deliver`."""
    url = ""
    if request.param == "redis":
        server = request.getfixturevalue("redis")
        server.flush()
        url = server.url
    return with_a_task(queue.build(url, tmp_path, KEY))


def with_a_task(wake_ups: WakeUps) -> WakeUps:
    def deliver(order_id: int) -> None:
        """Called in no test."""

    wake_ups.deliver = wake_ups.task(name="deliver")(deliver)
    return wake_ups


def put(wake_ups: WakeUps, order_id: int) -> None:
    wake_ups.enqueue(wake_ups.deliver.s(order_id))


def signed(content: object) -> bytes:
    return queue.SignedMessages([KEY]).serialize(content)


class Gone:
    """Stands for a class that the reader's version does not have."""

    def __reduce__(self) -> tuple:
        return (gone, ())


def gone() -> None:
    raise ModuleNotFoundError("No module named 'core.former'")


def called(name: str, *args: object) -> bytes:
    return signed(Message("1", f"tests.test_queue.{name}", args=args, kwargs={}))


UNREADABLE = {
    "another key": queue.SignedMessages(["of somebody else"]).serialize(Message("1", "deliver")),
    "garbage": b"\x00\xff:\n garbage",
    "nothing": b"",
    "a pickle that fails": signed(Gone()),
    "no message": signed({"id": 7}),
    "an unknown task": called("unknown", 7),
    "too few arguments": called("deliver"),
    "too many arguments": called("deliver", 7, 8),
    "no id": called("deliver", "seven"),
    "a signed half": called("deliver", 7)[:-9],
    "no time": signed(Message("1", "tests.test_queue.deliver", "tomorrow", args=(7,), kwargs={})),
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_a_message_that_cannot_be_read_is_dropped_with_one_line_and_counted(wake_ups, caplog, data):
    put(wake_ups, 1)
    wake_ups.storage.enqueue(data)
    put(wake_ups, 2)
    with caplog.at_level(logging.INFO):
        read = [wake_ups.dequeue(), wake_ups.dequeue(), wake_ups.dequeue()]
    assert [task and task.args for task in read] == [(1,), (2,), None]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "\n" not in caplog.text.strip()
    assert wake_ups.unreadable().count == 1
    assert wake_ups.unreadable().age < 60


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_so_is_one_that_was_put_off(wake_ups, caplog, data):
    task = wake_ups.deliver.s(1)
    moment = queue.utcnow()
    for content in (wake_ups.serialize_task(task), data):
        wake_ups.storage.add_to_schedule(content, moment)
    with caplog.at_level(logging.INFO):
        assert [task.args for task in wake_ups.read_schedule(moment)] == [(1,)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert wake_ups.unreadable().count == 1
    assert wake_ups.storage.schedule_size() == 0


def test_a_thousand_of_them_hide_no_message_behind_them(wake_ups):
    for _ in range(999):
        wake_ups.storage.enqueue(b"garbage")
    put(wake_ups, 1)
    assert wake_ups.dequeue().args == (1,)
    assert wake_ups.unreadable().count == 999


def test_a_wake_up_takes_along_what_says_the_same_and_other_tasks_go_to_the_end(wake_ups):
    def calibrate(calibration_id: int) -> None:
        """Called in no test."""

    other = wake_ups.task(name="calibrate")(calibrate)
    put(wake_ups, 1)
    put(wake_ups, 2)
    wake_ups.enqueue(other.s(7))
    wake_ups.storage.enqueue(b"garbage")
    wake_ups.enqueue(other.s(8))
    put(wake_ups, 3)
    put(wake_ups, 4)
    assert wake_ups.dequeue().args == (1,)
    wake_ups.drop_duplicates(wake_ups.deliver, 5)
    left = [wake_ups.dequeue() for _ in range(4)]
    assert [task and (type(task), task.args) for task in left] == [
        (wake_ups.deliver.task_class, (4,)),
        *((other.task_class, (7,)), (other.task_class, (8,))),
        None,
    ]
    assert wake_ups.unreadable().count == 1


def test_nothing_waits_behind_the_last_wake_up(wake_ups):
    wake_ups.drop_duplicates(wake_ups.deliver, 4)
    assert wake_ups.dequeue() is None


def test_a_row_that_another_program_put_into_the_file_is_dropped(tmp_path):
    wake_ups = with_a_task(queue.build("", tmp_path, KEY))
    put(wake_ups, 1)
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("insert into task (id, queue, data) values (0, 'booster-office', 'a text')")
    file.close()
    assert wake_ups.dequeue().args == (1,)
    assert wake_ups.unreadable().count == 1


@pytest.mark.parametrize("left", [b"garbage", b"", b"\xff\x00", b"nan", b"1e999"])
def test_what_others_left_where_the_last_drop_is_noted_fails_no_look(wake_ups, left):
    wake_ups.storage.enqueue(b"garbage")
    assert wake_ups.dequeue() is None
    wake_ups.storage.put_data(queue.DROPPED, left)
    assert wake_ups.unreadable().count == 1


@pytest.mark.parametrize("left", [7, "a text", 10**12, None])
def test_what_others_left_of_another_type_fails_no_look_either(tmp_path, left):
    wake_ups = with_a_task(queue.build("", tmp_path, KEY))
    wake_ups.storage.enqueue(b"garbage")
    assert wake_ups.dequeue() is None
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("update or ignore kv set value = ?", (left,))
        file.execute("update counter set value = 'many'")
    file.close()
    assert wake_ups.unreadable() is not None
    wake_ups.storage.enqueue(b"garbage")
    assert wake_ups.dequeue() is None
    assert wake_ups.unreadable().age < 60


def test_what_others_left_where_huey_keeps_revocations_stops_no_task(wake_ups):
    put(wake_ups, 1)
    task = wake_ups.dequeue()
    wake_ups.storage.put_data(task.revoke_id, b"of another key")
    assert not wake_ups.is_revoked(task)


def test_messages_of_a_former_key_are_read_and_new_ones_are_signed_with_the_newest(tmp_path):
    before = with_a_task(queue.build("", tmp_path, FORMER))
    put(before, 1)
    after = with_a_task(queue.build("", tmp_path, KEY, [FORMER]))
    put(after, 2)
    assert [after.dequeue().args, after.unreadable()] == [(1,), None]
    assert (before.dequeue(), before.unreadable().count) == (None, 1)


def test_a_message_of_nobodys_key_is_never_unpickled(tmp_path):
    wake_ups = with_a_task(queue.build("", tmp_path, KEY, [FORMER]))

    class Run:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "was run",))

    for data in (pickle.dumps(Run()), queue.SignedMessages(["another"]).serialize(Run())):
        wake_ups.storage.enqueue(data)
    assert wake_ups.dequeue() is None
    assert not (tmp_path / "was run").exists()


# The queue's file


def a_folder(file: Path) -> None:
    file.mkdir()
    (file / "something").write_text("in it")


def another_schema(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("create table task (id integer, what text not null)")
    connection.close()


def a_needed_column_more(file: Path) -> None:
    QueueFile("q", str(file)).queue_size()
    with sqlite3.connect(file) as connection:
        connection.execute("drop table schedule")
        connection.execute(
            "create table schedule (id integer primary key, queue text, data blob, "
            "timestamp real, more text not null)"
        )
    connection.close()


def a_view(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("create view task as select 1 as id, 2 as queue, 3 as data")
    connection.close()


def cut_short(file: Path) -> None:
    store = QueueFile("q", str(file))
    store.queue_size()
    store.close()
    file.write_bytes(file.read_bytes()[:5000])


def a_link_to_nowhere(file: Path) -> None:
    file.symlink_to(file.parent / "no folder" / "queue")


def a_link_to_itself(file: Path) -> None:
    file.symlink_to(file)


def a_folder_beside_it(file: Path, suffix: str = "-wal") -> None:
    store = QueueFile("q", str(file))
    store.queue_size()
    store.close()
    file.with_name(f"{file.name}{suffix}").mkdir()


def a_folder_for_its_journal(file: Path) -> None:
    a_folder_beside_it(file, "-journal")


USELESS = [
    *(garbage, a_folder, another_schema, a_needed_column_more, a_view, cut_short),
    *(a_link_to_nowhere, a_link_to_itself, a_folder_beside_it, a_folder_for_its_journal),
]


def test_a_link_to_where_a_file_can_be_is_followed(tmp_path):
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    wake_ups = with_a_task(queue.build("", tmp_path, KEY))
    put(wake_ups, 1)
    assert with_a_task(queue.build("", tmp_path, KEY)).dequeue().args == (1,)
    assert (set_aside(tmp_path), (tmp_path / "elsewhere").is_file()) == ([], True)


@pytest.mark.parametrize("spoil", USELESS)
def test_a_file_that_is_of_no_use_is_set_aside_with_one_line(tmp_path, caplog, spoil):
    spoil(tmp_path / FILE)
    wake_ups = with_a_task(queue.build("", tmp_path, KEY))
    put(wake_ups, 1)
    assert wake_ups.dequeue().args == (1,)
    assert len(set_aside(tmp_path)) == 1
    assert len(caplog.records) == 1
    assert str(set_aside(tmp_path)[0]) in caplog.text


def test_two_programs_that_find_it_at_once_set_it_aside_once_and_meet_in_the_new_one(tmp_path):
    garbage(tmp_path / FILE)
    one, other = (with_a_task(queue.build("", tmp_path, KEY)) for _ in range(2))
    # As far as the other gets before the first renames the file.
    other.storage._opened = queue_identity(tmp_path / FILE)
    put(one, 1)
    other.storage._set_aside(sqlite3.DatabaseError("file is not a database"))
    assert other.dequeue().args == (1,)
    assert len(set_aside(tmp_path)) == 1


def queue_identity(path: Path) -> tuple[int, int]:
    return path.stat().st_dev, path.stat().st_ino


def in_place(file: Path) -> None:
    """Over the whole file, while it is open."""
    with file.open("r+b") as open_file:
        open_file.write(b"\x07" * file.stat().st_size)


def removed(file: Path) -> None:
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()


def exchanged(file: Path) -> None:
    file.rename(file.with_suffix(".old"))
    garbage(file)


@pytest.mark.parametrize("spoil", [in_place, removed, exchanged])
def test_programs_that_have_it_open_meet_again_in_a_new_one(tmp_path, spoil):
    """At most one wake-up of each is lost. A removed file was written on for ever."""
    web, consumer = (with_a_task(queue.build("", tmp_path, KEY)) for _ in range(2))
    put(web, 1)
    assert consumer.dequeue().args == (1,)
    spoil(tmp_path / FILE)
    for wake_ups in (web, consumer):
        try:
            wake_ups.pending_count()
        except wake_ups.down:
            continue
    put(web, 2)
    assert consumer.dequeue().args == (2,)


def test_a_file_that_is_locked_is_left_where_it_is(tmp_path):
    wake_ups = with_a_task(queue.build("", tmp_path, KEY))
    put(wake_ups, 1)
    holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    holder.execute("begin exclusive")
    with pytest.raises(wake_ups.down, match="locked"):
        put(wake_ups, 2)
    late = with_a_task(queue.build("", tmp_path, KEY))
    with pytest.raises(wake_ups.down, match="locked"):
        put(late, 3)
    holder.rollback()
    holder.close()
    put(late, 3)
    assert [wake_ups.dequeue().args, wake_ups.dequeue().args] == [(1,), (3,)]
    assert set_aside(tmp_path) == []


def test_threads_that_find_it_locked_do_not_wait_for_each_other_in_turn(tmp_path):
    wake_ups = with_a_task(queue.build("", tmp_path, KEY))
    put(wake_ups, 1)
    holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    holder.execute("begin exclusive")

    def wait(number: int) -> float:
        began = time.monotonic()
        with pytest.raises(wake_ups.down):
            put(wake_ups, number)
        return time.monotonic() - began

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(wait, range(8))) < 4.0
    holder.close()
    put(wake_ups, 2)


class FullFile(QueueFile):
    """On a disk that has no room for one page more."""

    def _create_connection(self) -> sqlite3.Connection:
        connection = super()._create_connection()
        connection.execute("pragma max_page_count=1")
        return connection


@pytest.fixture
def own_queue(tmp_path):
    """This process's queue is a file in tmp_path."""
    own, HUEY.storage = HUEY.storage, queue.build("", tmp_path, KEY).storage
    yield tmp_path / FILE
    HUEY.storage.close()
    HUEY.storage = own


def test_a_disk_without_room_for_the_queue_fails_no_save(
    own_queue, desk, erin, site, policies, demo_site, django_capture_on_commit_callbacks
):
    HUEY.storage = FullFile(queue.NAME, str(own_queue))
    with django_capture_on_commit_callbacks(execute=True):
        assert saved(desk, erin, demo_site).status == Status.PENDING
    assert "full" in doctor.queue().text
    assert set_aside(own_queue.parent) == []


@pytest.mark.parametrize("spoil", USELESS)
def test_a_save_wakes_a_consumer_through_the_new_file(
    own_queue, desk, erin, site, policies, demo_site, spoil, django_capture_on_commit_callbacks
):
    spoil(own_queue)
    with django_capture_on_commit_callbacks(execute=True):
        saved(desk, erin, demo_site)
    assert HUEY.pending_count() == 1
    assert doctor.queue().level == Level.OK


# Redis


def test_a_redis_that_still_loads_its_data_is_told(own_redis, tmp_path):
    """It answers all with LOADING until it is through: a minute for gigabytes."""
    wake_ups = queue.build(own_redis.url, tmp_path, KEY)
    url = f"{own_redis.url}?socket_timeout=0.3"
    with redis_client.Redis.from_url(own_redis.url) as client:
        # It answers between two megabytes, here every third of a second.
        client.mset({f"key{number}": os.urandom(20_000) for number in range(2000)})
        client.config_set("key-load-delay", 3000)  # microseconds
        with pytest.raises(redis_client.TimeoutError):
            redis_client.Redis.from_url(url).execute_command("DEBUG", "RELOAD")
        told = set()
        deadline = time.monotonic() + 60
        while (now := trouble(wake_ups)) and time.monotonic() < deadline:
            told.add(now)
        assert "Redis is still loading its data" in told
        assert trouble(wake_ups) == ""


def trouble(wake_ups: WakeUps) -> str:
    try:
        wake_ups.pending_count()
    except wake_ups.down as error:
        return wake_ups.describe(error)
    return ""


@pytest.mark.parametrize("key", ["counter_key", "result_key"])
def test_a_key_beside_the_messages_that_holds_something_else_is_told(
    own_redis, db, tmp_path, monkeypatch, key
):
    wake_ups = with_a_task(queue.build(own_redis.url, tmp_path, KEY))
    monkeypatch.setattr(HUEY, "storage", wake_ups.storage)
    wake_ups.storage.enqueue(b"garbage")
    assert wake_ups.dequeue() is None
    with redis_client.Redis.from_url(own_redis.url) as client:
        client.set(getattr(wake_ups.storage, key), "something else")
    wake_ups.storage.enqueue(b"garbage")
    put(wake_ups, 1)
    assert wake_ups.dequeue().args == (1,)
    assert "holds something else" in doctor.messages().text
    assert (doctor.queue().level, doctor.messages().level) == (Level.OK, Level.WARNING)


def test_an_option_that_redis_does_not_have_ends_the_start_with_one_line(tmp_path):
    for url in ("redis://localhost/0?colour=red", "redis://localhost/0?socket_timeout=soon"):
        with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
            queue.build(url, tmp_path, KEY)
    for url in ("unix:///run/redis.sock", "rediss://user:word@localhost/1?ssl_cert_reqs=none"):
        queue.build(url, tmp_path, KEY)


def test_after_a_failover_the_queue_is_asked_over_new_connections(own_redis, tmp_path):
    wake_ups = with_a_task(queue.build(own_redis.url, tmp_path, KEY))
    put(wake_ups, 1)
    replica(own_redis)
    with redis_client.Redis.from_url(own_redis.url) as client:
        before = {row["id"] for row in client.client_list(_type="normal")}
        with pytest.raises(wake_ups.down):
            wake_ups.pending_count()

        def kept() -> set[str]:
            return {row["id"] for row in client.client_list(_type="normal")} & before

        # The server learns a moment later that somebody hung up.
        wait_for(lambda: kept() == {str(client.client_id())}, what="the old connections' end")


def test_a_sweep_waits_once_for_a_redis_that_keeps_silent_and_not_for_each_job(
    db, tmp_path, monkeypatch
):
    for name in ("a", "b", "c"):
        new_job(ImportJob.Kind.CUSTOMERS, f"{name}.csv", iter([b"username\n"]), creator=None)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(HUEY, "storage", queue.build(url, tmp_path, KEY).storage)
        assert sweep_jobs() == 0
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
