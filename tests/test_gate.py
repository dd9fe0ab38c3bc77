"""Pages of a web process go one at a time, in the order in which they came; a line that is full
turns away, and neither sockets, polls nor slow clients are in anybody's way."""

import asyncio
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psutil
import pytest

from office import gate as gates
from office.gate import PageGate
from office.management.commands import run_web
from tests.base import client_of
from tests.office import ROOT, Office, wait_for
from tests.processes import free_port, is_alive

LAST = {"type": "http.request", "body": b"", "more_body": False}
WHOLE = [(b"Content-Length", b"2")]
CLOSE = (b"connection", b"close")


class Asked:
    """One request: what its client sends, and what it has got."""

    def __init__(self, *messages: dict) -> None:
        self.messages: asyncio.Queue[dict] = asyncio.Queue()
        for message in messages or (LAST,):
            self.messages.put_nowait(message)
        self.got: list[dict] = []

    async def send(self, message: dict) -> None:
        self.got.append(message)

    def leave(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int | None:
        return self.got[0]["status"] if self.got else None


class Pages:
    """As Django does: reads the body, works until it is let go on, answers; counts what runs."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.running = self.most = 0
        self.go_on = [asyncio.Event() for _ in range(10)]

    async def __call__(self, number: int, receive, send) -> None:
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            return
        self.begun.append(number)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go_on[number].wait()
        finally:
            self.running -= 1
        await send({"type": "http.response.start", "status": 200, "headers": WHOLE})
        await send({"type": "http.response.body", "body": b"ok"})


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def begin(gate: PageGate, *asked: Asked, first: int = 0) -> list[asyncio.Task]:
    return [
        asyncio.create_task(gate(number, one.messages.get, one.send))
        for number, one in enumerate(asked, first)
    ]


def run(story) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))


def test_pages_go_one_at_a_time_and_in_the_order_they_came():
    async def story():
        pages = Pages()
        gate = PageGate(pages, threads=8, longest=10)
        tasks = begin(gate, *(Asked() for _ in range(5)))
        for number in range(5):
            await settle()
            assert pages.begun == list(range(number + 1))
            assert (gate.running, gate.waiting) == (1, 4 - number)
            pages.go_on[number].set()
        await asyncio.gather(*tasks)
        assert (pages.most, gate.running, gate.waiting) == (1, 0, 0)

    run(story)


def test_who_finds_the_line_full_is_told_when_to_come_again_and_the_line_goes_on():
    async def story():
        pages = Pages()
        gate = PageGate(pages, threads=8, longest=2)
        asked = [Asked() for _ in range(5)]
        tasks = begin(gate, *asked)
        await settle()
        await asyncio.gather(*tasks[3:])
        assert [one.status for one in asked] == [None, None, None, 503, 503]
        assert dict(asked[3].got[0]["headers"])[b"retry-after"] == b"5"
        assert "繁忙" in asked[3].got[1]["body"].decode()
        assert gate.refused == 2
        for event in pages.go_on:
            event.set()
        await asyncio.gather(*tasks)
        assert [one.status for one in asked] == [200, 200, 200, 503, 503]

    run(story)


def test_who_had_to_wait_comes_again_by_a_new_connection():
    """Connections stay with the process that took them, also where most of them are."""

    async def story():
        pages = Pages()
        gate = PageGate(pages, threads=8, longest=10)
        asked = [Asked() for _ in range(2)]
        tasks = begin(gate, *asked)
        await settle()
        for event in pages.go_on:
            event.set()
        await asyncio.gather(*tasks)
        assert [one.got[0]["headers"] for one in asked] == [WHOLE, [*WHOLE, CLOSE]]

    run(story)


def test_a_page_that_waits_for_a_site_lets_others_begin_but_no_more_than_there_are_threads(
    monkeypatch,
):
    monkeypatch.setattr(gates, "SLOW_SECONDS", 0.05)

    async def story():
        pages = Pages()
        gate = PageGate(pages, threads=3, longest=10)
        tasks = begin(gate, *(Asked() for _ in range(5)))
        await settle()
        assert pages.begun == [0]
        await asyncio.sleep(0.4)
        assert (pages.begun, gate.waiting) == ([0, 1, 2], 2)
        for event in pages.go_on:
            event.set()
        await asyncio.gather(*tasks)
        assert (pages.most, sorted(pages.begun)) == (3, [0, 1, 2, 3, 4])
        assert not (gate.threads.locked() or gate.quick.locked())

    run(story)


def test_who_goes_away_in_the_line_is_not_served_and_who_goes_later_is_served_to_the_end():
    async def story():
        pages = Pages()
        gate = PageGate(pages, threads=8, longest=10)
        asked = [Asked() for _ in range(3)]
        tasks = begin(gate, *asked)
        await settle()
        asked[0].leave()  # its page runs in a thread, which nothing can stop
        asked[1].leave()
        await settle()
        assert (pages.begun, gate.running, gate.waiting) == ([0], 1, 1)
        pages.go_on[0].set()
        await settle()
        assert pages.begun == [0, 2]
        pages.go_on[2].set()
        await asyncio.gather(*tasks)
        assert (asked[0].status, asked[1].status, gate.running) == (200, None, 0)

    run(story)


def test_a_slow_upload_holds_no_place():
    async def story():
        pages = Pages()
        gate = PageGate(pages, threads=8, longest=10)
        slow = Asked({**LAST, "more_body": True})
        tasks = begin(gate, slow, Asked())
        await settle()
        assert (pages.begun, gate.running) == ([1], 1)
        slow.messages.put_nowait(LAST)
        pages.go_on[0].set()
        pages.go_on[1].set()
        await asyncio.gather(*tasks)
        assert pages.begun == [1, 0]

    run(story)


def test_a_request_larger_than_any_upload_is_refused_and_reaches_no_page():
    async def story() -> None:
        pages = Pages()
        gate = PageGate(pages, threads=8, longest=10, largest=3)
        part = {"type": "http.request", "body": b"xx", "more_body": True}
        large = Asked(part, part, LAST)
        await gate(0, large.messages.get, large.send)
        assert (large.status, pages.begun, gate.running, gate.waiting) == (413, [], 0, 0)
        assert CLOSE in large.got[0]["headers"]
        assert large.messages.qsize() == 1  # no more of it is read

    run(story)


def test_who_uploads_is_asked_for_once_and_only_of_what_is_larger_than_a_form():
    async def story() -> None:
        asked: list[int] = []

        async def may_upload(number: int) -> bool:
            asked.append(number)
            return number > 0

        pages = Pages()
        gate = PageGate(pages, 8, 10, largest=7, form=3, may_upload=may_upload)
        part = {"type": "http.request", "body": b"xx", "more_body": True}
        visitor, staff, form = (
            Asked(part, part, LAST),
            Asked(part, part, part, LAST),
            Asked(part, LAST),
        )
        tasks = begin(gate, visitor, staff, form)
        await settle()
        for event in pages.go_on:
            event.set()
        await asyncio.gather(*tasks)
        assert [one.status for one in (visitor, staff, form)] == [413, 200, 200]
        assert asked == [0, 1]

    run(story)


def test_a_page_that_fails_gives_its_place_back():
    async def story():
        async def pages(number, receive, send):
            await receive()
            if number == 0:
                raise ValueError("a fault of the page's")
            await send({"type": "http.response.start", "status": 200, "headers": WHOLE})

        gate = PageGate(pages, threads=1, longest=10)
        asked = [Asked(), Asked()]
        ended = await asyncio.gather(*begin(gate, *asked), return_exceptions=True)
        assert (isinstance(ended[0], ValueError), asked[1].status) == (True, 200)

    run(story)


def test_a_stream_takes_its_turn_for_each_part_and_ends_when_its_client_leaves():
    async def story():
        begun: list[str] = []
        let_go = asyncio.Event()

        async def pages(number, receive, send):
            await receive()
            begun.append(str(number))
            if number == 1:
                await let_go.wait()
                await send({"type": "http.response.start", "status": 200, "headers": WHOLE})
                return
            await settle()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for part in ("a", "b"):
                begun.append(f"0{part}")
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
            begun.append((await receive())["type"])

        gate = PageGate(pages, threads=8, longest=10)
        stream, page = Asked(), Asked()
        tasks = begin(gate, stream, page)
        await asyncio.sleep(0.05)
        assert begun == ["0", "1"]  # the page came between the stream's head and its first part
        let_go.set()
        await asyncio.sleep(0.05)
        assert begun == ["0", "1", "0a", "0b"]
        stream.leave()
        await asyncio.gather(*tasks)
        assert begun[-1] == "http.disconnect"
        assert (gate.running, gate.quick.locked()) == (0, False)

    run(story)


# --- the server


def test_the_servers_options_stand_in_one_place():
    for path in ("Procfile", "docs/operations.md", "README.md", "Makefile"):
        text = (ROOT / path).read_text()
        assert not [
            option for option in run_web.OPTIONS if option[:2] == "--" and option in text
        ], path
        assert "office.asgi:application" not in text, path
    assert "manage.py run_web" in (ROOT / "Procfile").read_text()


def test_a_server_that_cannot_listen_says_so_in_one_line(new_office):
    office = new_office("sqlite")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = office.manage("run_web", "--port", port, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"CommandError: PORT={port} cannot be used (Address already in use): choose another\n"
    )


def test_a_server_of_two_processes_serves_and_ends_with_both(new_office):
    office = new_office("sqlite")
    server = office.run_web("--processes", "2")
    wait_for(
        lambda: len(psutil.Process(server.pid).children(recursive=True)) >= 2, what="two processes"
    )
    wait_for(lambda: status_of(server.url, "/admin/login/") == 200, what="the login page")
    children = psutil.Process(server.pid).children(recursive=True)
    server.terminate(timeout=20)
    wait_for(lambda: not any(map(is_alive, children)), what="the end of its processes")
    assert "Traceback" not in server.log()


def test_a_request_whose_head_never_ends_is_refused_and_not_kept_in_memory(new_office):
    server = new_office("sqlite").run_web("--processes", "1")
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        client.sendall(b"GET /portal/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        with pytest.raises(ConnectionError):
            for _megabyte in range(20):
                client.sendall(b"x" * (1 << 20))
    assert status_of(server.url, "/portal/login/") == 200


def test_only_staff_send_what_is_larger_than_a_form(office):
    """It would lie on the disk for as long as somebody likes to hold the line."""
    from core.models import User

    server = office.run_web("--processes", "1", REQUIRE_TWO_STEP="off")
    customer = User.objects.create(username="erin")
    admin = User.objects.get(username="admin")
    body = b"a" * (5 << 20)
    answers = {}
    for user in (None, customer, admin):
        cookie = f"sessionid={client_of(user).cookies['sessionid'].value}" if user else "a=b"
        page = "/admin/core/customer/import/"
        answers[user] = status_of(server.url, page, "POST", body, Cookie=cookie)
    refused = {413, 0}  # who is still sending may not hear it
    assert {answers[None], answers[customer]} <= refused
    assert answers[admin] == 403  # without a token of the form


def test_a_content_type_that_nobody_can_read_is_no_fault_of_the_office(new_office):
    server = new_office("sqlite").run_web("--processes", "1")
    for odd in ("text/plain; a*=nope''%41", "text/plain; charset*=utf-8''%00", "a*0*=x''%ff; *=;"):
        status = status_of(server.url, "/portal/login/", "POST", b"a=b", **{"Content-Type": odd})
        assert status == 403, odd  # without a token of the form


def status_of(url: str, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    finally:
        connection.close()


@pytest.mark.slow
def test_with_a_hundred_clerks_at_once_few_wait_long_and_polls_are_answered_at_once(office):
    from core.models import User

    admin = User.objects.get(username="admin")
    cookie = f"sessionid={client_of(admin).cookies['sessionid'].value}"
    server = office.run_web(
        "--processes", "1", WEB_QUEUE="60", REQUIRE_TWO_STEP="off", PORT=str(free_port())
    )
    watched = json.dumps({"watch": ["board"], "language": "en", "wait": 0}).encode()
    page = "/admin/core/order/"
    assert status_of(server.url, page, Cookie=cookie) == 200
    stop = threading.Event()
    polls: list[float] = []

    def poll() -> None:
        while not stop.is_set():
            began = time.monotonic()
            status = status_of(
                server.url, "/live/poll/", "POST", watched, Cookie=cookie, Origin=server.url
            )
            polls.append(time.monotonic() - began)
            assert status == 200
            stop.wait(0.1)

    with ThreadPoolExecutor(101) as clerks:
        polling = clerks.submit(poll)
        statuses = list(
            clerks.map(lambda _: status_of(server.url, page, Cookie=cookie), range(100))
        )
        stop.set()
        polling.result()
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 60
    assert max(polls) < 20.0
    assert server.log().count("are answered 503") == 1  # not a line each


@pytest.mark.slow
def test_the_collector_leaves_alone_what_a_web_process_has_loaded(tmp_path):
    """A full collection of it holds every page for longer than a page takes."""
    count = "import gc, office.asgi; print(gc.get_freeze_count(), len(gc.get_objects()))"
    done = Office("sqlite", tmp_path).run("-c", count)
    frozen, left = map(int, done.stdout.split())
    assert frozen > 10 * left, done.stderr
