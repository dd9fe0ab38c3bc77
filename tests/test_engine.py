"""The engine against real servers, honest and hostile: every play ends in exactly one outcome."""

import multiprocessing
import os
import random
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from queue import SimpleQueue
from typing import ClassVar

import pytest
import trustme
from hypothesis import HealthCheck, given, settings, strategies as st

from booster import USER_AGENT
from booster.engine import Channel, Fetched, Limits, Tally, Window
from booster.engine.answers import interpret
from booster.engine.message import AnswerHead, Message
from booster.engine.wire import Wire
from booster.net.address import Origin, ProvedTarget
from booster.net.call import Call, Response
from booster.net.play import PlayRequest
from tests.engine_runs import Report, deliver
from tests.faulty_site import FAULTS, FaultySite
from tests.limited_site import LimitReq
from tests.processes import no_room_for_files
from tests.raw_server import Connection, RawServer, Script, always, answer

PLAY = PlayRequest(
    method="POST",
    path="/api/videos/v1/plays",
    headers=(("Idempotency-Key", "7-1:{sequence}"), ("X-Play-Order", "7-1")),
    body=b"",
    counted=frozenset({200, 204}),
    idempotent=False,
)
SAFE_PLAY = replace(PLAY, idempotent=True)
QUICK = Limits(connections=8, connect_timeout=1, first_byte_timeout=0.5, answer_timeout=1.0)


class MemoryBook:
    """An order of so many plays, in windows; it keeps what the engine tells it."""

    def __init__(
        self, plays: int, *, window: int = 100, lease: float = 60.0, pause: float = 0.0
    ) -> None:
        self.plays, self.window, self.lease, self.pause = plays, window, lease, pause
        self.next = 1
        self.reserved: list[Window] = []
        self.checkpoints: list[tuple[Window, Tally]] = []
        self.threads: set[int] = set()

    def reserve(self) -> Window | None:
        self.threads.add(threading.get_ident())
        count = min(self.window, self.plays - self.next + 1)
        if count <= 0:
            return None
        self.reserved.append(Window(self.next, count, time.monotonic() + self.lease))
        self.next += count
        return self.reserved[-1]

    def checkpoint(self, window: Window, tally: Tally) -> Window | None:
        self.checkpoints.append((window, tally))
        time.sleep(self.pause)
        return None if tally.halted else self.reserve()


class LostLease(Exception):
    pass


def target(
    port: int, *, scheme: str = "http", host: str = "127.0.0.1", authority: str = ""
) -> ProvedTarget:
    return ProvedTarget(Origin(scheme, host, port), "127.0.0.1", authority)


def send(
    port: int,
    book: MemoryBook | int,
    play: PlayRequest = PLAY,
    limits: Limits = QUICK,
    should_stop: Callable[[], bool] = lambda: False,
) -> Report:
    if isinstance(book, int):
        book = MemoryBook(book)
    report = deliver(target(port), play, book, limits, should_stop)
    assert [window for window, _ in book.checkpoints] == book.reserved
    for window, tally in book.checkpoints:
        assert tally.ended == window.count
    assert report.tally.ended == sum(window.count for window in book.reserved)
    return report


# --- windows and the book


def test_every_play_of_every_window_is_sent_and_counted() -> None:
    with FaultySite() as site:
        report = send(site.port, MemoryBook(1050, window=100))
    assert (report.stopped, report.reason) == ("drained", None)
    assert report.tally == Tally(counted=1050, statuses={200: 1050})
    assert sorted(site.received) == list(range(1, 1051))


def test_an_order_without_plays_opens_no_connection() -> None:
    with FaultySite() as site:
        report = send(site.port, 0)
    assert report.stopped == "drained"
    assert site.connections == 0


def test_windows_are_checkpointed_once_and_in_order_though_later_ones_end_first() -> None:
    slow_first = threading.Event()

    def choose(number: int) -> str:
        if number == 1:
            slow_first.set()
            return "hangs after"
        return "ok"

    book = MemoryBook(200, window=100)
    with FaultySite(choose) as site:
        report = send(site.port, book)
    assert slow_first.is_set()
    assert [window.first for window, _ in book.checkpoints] == [1, 101]
    assert book.checkpoints[0][1].uncertain == 1
    assert report.tally.counted == 199


def test_the_book_is_only_ever_touched_in_the_callers_thread() -> None:
    book = MemoryBook(500, window=50)
    with FaultySite() as site:
        send(site.port, book)
    assert book.threads == {threading.get_ident()}


@pytest.mark.timing
def test_plays_go_on_while_a_window_is_being_checkpointed() -> None:
    class SlowBook(MemoryBook):
        meanwhile: ClassVar[list[int]] = []

        def checkpoint(self, window: Window, tally: Tally) -> Window | None:
            before = len(site.received)
            time.sleep(0.05)
            self.meanwhile.append(len(site.received) - before)
            return super().checkpoint(window, tally)

    with FaultySite(delay=0.005) as site:
        book = SlowBook(1600, window=200)
        assert send(site.port, book, limits=Limits(connections=8)).tally.counted == 1600
    *others, last = book.meanwhile
    assert last == 0
    assert statistics.median(others) > 8  # more than were in flight; 80 on a quiet machine


def test_what_the_book_raises_stops_the_wire_and_comes_out_unchanged() -> None:
    error = LostLease("somebody else owns this order")

    class Fenced(MemoryBook):
        def checkpoint(self, window: Window, tally: Tally) -> Window | None:
            raise error

    with FaultySite(delay=0.01) as site:
        with pytest.raises(LostLease) as caught:
            deliver(target(site.port), PLAY, Fenced(100_000, window=50), QUICK, lambda: False)
        time.sleep(0.05)  # what was in flight arrives
        arrived = len(site.received)
        time.sleep(0.3)
        assert len(site.received) == arrived
    assert caught.value is error
    assert arrived < 50 + 100


def test_several_threads_deliver_at_once() -> None:
    reports: list[Report] = []
    with FaultySite() as site:
        threads = [
            threading.Thread(target=lambda: reports.append(send(site.port, 700))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert [report.tally.counted for report in reports] == [700] * 6
    assert site.plays == 4200


def test_a_forked_child_has_a_wire_of_its_own() -> None:
    def child(queue: "multiprocessing.Queue[int]") -> None:
        queue.put(send(site.port, 50).tally.counted)

    with FaultySite() as site:
        assert send(site.port, 50).tally.counted == 50  # the parent's wire runs
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        assert queue.get(timeout=60) == 50
        process.join(60)
        assert send(site.port, 50).tally.counted == 50
    assert process.exitcode == 0


def test_the_next_order_on_a_site_uses_the_same_connections() -> None:
    with FaultySite() as site:
        for _ in range(20):
            assert send(site.port, 100).tally.counted == 100
    assert site.connections <= QUICK.connections


def test_a_connection_that_the_site_closed_meanwhile_is_not_used_again() -> None:
    def one_play(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer())

    with RawServer(one_play) as server:
        for _ in range(5):
            assert send(server.port, 1).tally == Tally(counted=1, statuses={200: 1})
            time.sleep(0.02)


def test_free_connections_are_closed_after_a_while() -> None:
    ended = threading.Event()

    def script(connection: Connection) -> None:
        while connection.read_request():
            connection.send(answer())
        ended.set()

    with RawServer(script) as server:
        send(server.port, 1)
        assert ended.wait(30)


def test_a_mistake_of_ours_in_the_wire_comes_out_and_hangs_nothing() -> None:
    with FaultySite() as site:
        with pytest.raises(RuntimeError, match="engine failed"):
            deliver(
                target(site.port),
                replace(PLAY, counted=None),  # type: ignore[arg-type]
                MemoryBook(10),
                QUICK,
                lambda: False,
            )
        assert send(site.port, 100).tally.counted == 100  # the wire lives on


@pytest.mark.parametrize("limits", [{"connections": 0}, {"rate": 0.0}, {"rate": -1.0}])
def test_limits_that_nothing_could_keep_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a"):
        Limits(**limits)  # type: ignore[arg-type]


# --- what a play looks like


def test_a_play_names_itself_and_its_order_and_carries_its_number() -> None:
    play = replace(PLAY, path="/p/{sequence}?n={sequence}", body=b'{"n":{sequence}}')
    with RawServer() as server:
        report = send(server.port, MemoryBook(12), play, Limits(connections=1))
    assert report.tally.counted == 12
    head, _, body = server.requests[9].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /p/10?n=10 HTTP/1.1",
        b"Host: 127.0.0.1:%d" % server.port,
        b"User-Agent: " + USER_AGENT.encode(),
        b"Accept-Encoding: identity",
        b"Idempotency-Key: 7-1:10",
        b"X-Play-Order: 7-1",
        b"Content-Length: 8",
    ]
    assert body == b'{"n":10}'
    assert server.requests[8].endswith(b'Content-Length: 7\r\n\r\n{"n":9}')


def test_a_get_without_a_body_announces_no_length() -> None:
    with RawServer() as server:
        report = send(server.port, 3, replace(PLAY, method="GET"))
    assert report.tally.counted == 3
    assert not any(b"content-length" in request.lower() for request in server.requests)


@pytest.mark.parametrize(
    "forged",
    [
        {"headers": (("X-Play-Order", "7-1\r\nX-Evil: 1"),)},
        {"headers": (("X-Play-Order", "7-1\n"),)},
        {"headers": (("X-Evil: 1\r\nX", "1"),)},
        {"headers": (("User-Agent", "Mozilla/5.0"),)},
        {"headers": (("X-Forwarded-For", "203.0.113.9"),)},
        {"headers": (("Host", "elsewhere.example"),)},
        {"headers": (("Content-Length", "5"),)},
        {"path": "/a HTTP/1.1\r\nHost: evil\r\n\r\n"},
        {"path": "http://elsewhere.example/"},
        {"path": "//elsewhere.example/"},
        {"method": "POST / HTTP/1.1\r\n"},
        {"method": "CONNECT"},
        {"method": "HEAD"},
        {"method": "POST\n"},
    ],
)
def test_a_play_that_would_forge_something_is_refused_before_a_byte_is_sent(
    forged: dict[str, object],
) -> None:
    book = MemoryBook(5)
    with RawServer() as server, pytest.raises(ValueError, match="not a"):
        deliver(target(server.port), replace(PLAY, **forged), book, QUICK, lambda: False)  # type: ignore[arg-type]
    assert server.connections == 0
    assert book.reserved == []


@given(
    number=st.integers(1, 10**12),
    body=st.lists(st.sampled_from(["{sequence}", "a", "é", "{", "}", "\r\n"])).map("".join),
    value=st.lists(st.sampled_from(["{sequence}", "v", "-"]), min_size=1).map("".join),
)
def test_the_bytes_of_a_play_are_those_of_its_text_with_the_number_filled_in(
    number: int, body: str, value: str
) -> None:
    play = replace(PLAY, headers=(("X-Key", value),), body=body.encode())
    digits = b"%d" % number
    message = Message(Origin("http", "site.example", 80), play)
    sent = digits.join(message.parts(len(digits)))
    head, _, sent_body = sent.partition(b"\r\n\r\n")
    assert sent_body == body.replace("{sequence}", str(number)).encode()
    assert head.split(b"\r\n")[-1] == b"Content-Length: %d" % len(sent_body)
    assert b"\r\nHost: site.example\r\n" in head
    assert b"X-Key: " + value.replace("{sequence}", str(number)).encode() in head
    assert (message.constant == sent) is (b"{sequence}" not in (value + body).encode())


# --- answers of every shape


@pytest.mark.parametrize(
    "shape",
    [
        *("chunked", "early hints", "in two reads", "closes after", "ends with the connection"),
        *("bare line feeds", "folded headers", "chunks and a length", "more than its length"),
        "large headers",
    ],
)
def test_a_whole_answer_counts_whatever_its_shape(shape: str) -> None:
    with FaultySite(lambda number: shape) as site:
        report = send(site.port, 60)
    assert report.tally == Tally(counted=60, statuses={200: 60})
    assert site.plays == 60


@pytest.mark.parametrize("behind", [b"ok", b"0\r\n\r\n"], ids=["a body", "the end of chunks"])
def test_an_answer_that_has_no_body_counts_though_the_site_sends_one(behind: bytes) -> None:
    with RawServer(always(b"HTTP/1.1 204 No Content\r\n\r\n" + behind)) as server:
        report = send(server.port, 60)
    assert report.tally == Tally(counted=60, statuses={204: 60})


@pytest.mark.parametrize("connections", [1, 8])
def test_a_site_that_hangs_up_unannounced_after_each_answer_loses_a_few_plays_only(
    connections: int,
) -> None:
    limits = replace(QUICK, connections=connections)
    with FaultySite(lambda number: "closes unannounced") as site:
        report = send(site.port, 200, limits=limits)
    assert report.stopped == "drained"
    assert report.tally.uncertain <= 8  # in flight as it was seen
    assert report.tally.counted == site.plays == 200 - report.tally.uncertain


def test_connections_that_are_closed_now_and_then_are_used_again() -> None:
    with FaultySite(lambda number: "closes unannounced" if number % 50 == 0 else "ok") as site:
        report = send(site.port, 400)
    assert report.stopped == "drained"
    assert site.connections < 30


@pytest.mark.slow
@pytest.mark.timing
def test_a_site_that_hangs_up_on_what_comes_too_fast_gets_plays_at_the_pace_it_takes() -> None:
    """50 a second. Now and then so many are hung up on in a row that the order stops."""
    reports: list[Report] = []
    while len(reports) < 4 and not any(one.stopped == "drained" for one in reports[-1:]):
        limit = LimitReq(rate=50, burst=10)
        lock = threading.Lock()

        def hang_up(
            connection: Connection, limit: LimitReq = limit, lock: threading.Lock = lock
        ) -> None:
            while connection.read_request():
                with lock:
                    is_taken = limit.ask(time.monotonic()) is not None
                if not is_taken:
                    return
                connection.send(answer())

        with RawServer(hang_up) as server:
            reports.append(send(server.port, 300))
    assert reports[-1].stopped == "drained"
    assert reports[-1].seconds < 20


def test_an_answer_that_comes_byte_by_byte_counts() -> None:
    def drip(connection: Connection) -> None:
        while connection.read_request():
            connection.drip(answer(b"ok"), every=0.001)

    with RawServer(drip) as server:
        assert send(server.port, 5, limits=Limits(connections=1)).tally.counted == 5


def test_an_answer_without_a_body_counts() -> None:
    with RawServer(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        assert send(server.port, 30).tally == Tally(counted=30, statuses={204: 30})


def test_different_counted_statuses_are_told_apart() -> None:
    script = always(answer(), b"HTTP/1.1 204 No Content\r\n\r\n")
    with RawServer(script) as server:
        tally = send(server.port, 300, limits=Limits(connections=1)).tally
    assert tally == Tally(counted=300, statuses={200: 150, 204: 150})


@pytest.mark.parametrize(
    "fault",
    """
    half a head, half a body, hangs up, reset after, two answers, one and a half, a long body,
    a long head, no http
    """.replace("\n", " ").split(","),
)
def test_what_is_no_single_whole_answer_leaves_a_play_uncertain(fault: str) -> None:
    fault = fault.strip()
    with FaultySite(lambda number: fault if number == 3 else "ok") as site:
        report = send(site.port, 40)
    assert report.stopped == "drained"
    assert (report.tally.counted, report.tally.uncertain) == (39, 1)
    assert site.received.count(3) == 1


def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    closed = threading.Event()

    def talkative(connection: Connection) -> None:
        connection.send(answer())  # before being asked
        while connection.read_request():
            connection.send(answer())
        closed.set()

    with RawServer(talkative) as server:
        report = send(server.port, 1)
        assert closed.wait(30)
    # If the play was on its way already, nobody can tell what was answered.
    assert report.tally.counted + report.tally.not_sent + report.tally.uncertain == 1


def test_a_long_head_is_no_long_body() -> None:
    filler = "X-Filler: " + "x" * 5000
    limits = replace(QUICK, connections=1, max_body_bytes=100)
    with RawServer(always(answer(b"x" * 100, headers=(filler,)))) as server:
        assert send(server.port, 20, limits=limits).tally.counted == 20
    with RawServer(always(answer(b"x" * 101))) as server:
        report = send(server.port, 1, limits=limits)
    assert report.tally == Tally(uncertain=1)


@pytest.mark.timing
def test_a_site_that_never_answers_is_left_after_the_first_byte_timeout() -> None:
    with FaultySite(lambda number: "hangs before") as site:
        report = send(site.port, 10_000)
    assert report.stopped == "unavailable"
    assert report.reason.code == "plays_failed_in_a_row"
    assert report.reason.params["reason"] == {
        "code": "play_timed_out",
        "params": {"seconds": 0.5},
    }
    assert report.seconds < 10
    assert report.tally.uncertain == len(site.received) < 20
    assert report.tally.counted == 0


@pytest.mark.timing
def test_a_site_that_drips_its_answer_is_left_after_the_answer_timeout() -> None:
    def drip(connection: Connection) -> None:
        connection.read_request()
        connection.drip(answer(b"x" * 1000), every=0.05)

    with RawServer(drip) as server:
        report = send(server.port, 1)
    assert report.tally.uncertain == 1
    assert 0.9 < report.seconds < 10


@pytest.mark.timing
def test_a_site_that_accepts_no_connection_is_left_after_the_connect_timeout() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        report = send(port, 100)
        for filler in fillers:
            filler.close()
    assert (report.stopped, report.tally.not_sent) == ("unavailable", 100)
    assert report.reason.code == "connection_timed_out"
    assert report.seconds < 10


def test_a_host_without_room_for_a_connection_does_not_blame_the_site() -> None:
    Wire.current()  # has its files before
    with socket.create_server(("127.0.0.1", 0)) as listener, no_room_for_files():
        report = send(listener.getsockname()[1], 100)
    assert (report.stopped, report.tally.not_sent) == ("unavailable", 100)
    assert report.reason is not None
    assert report.reason.code == "own_limit"


@pytest.mark.timing
def test_a_site_that_refuses_connections_is_left_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = send(port, 250)
    assert report.stopped == "unavailable"
    assert report.reason.code == "connection_refused"
    assert report.reason.params == {"site": f"http://127.0.0.1:{port}"}
    assert report.tally == Tally(not_sent=250 - 50, halted=True) or report.tally.not_sent == 200
    assert report.seconds < 5


# --- refusals


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410])
def test_a_refusal_of_the_whole_order_stops_it(status: int) -> None:
    with RawServer(always(answer(status=f"{status} No"))) as server:
        report = send(server.port, 10_000)
    assert report.stopped == "refused"
    assert (report.reason.code, report.reason.params) == ("play_answered", {"status": status})
    assert 1 <= report.tally.refused == len(server.requests) <= 8
    assert report.tally.counted == report.tally.uncertain == 0


def test_a_redirect_is_never_followed() -> None:
    with RawServer() as elsewhere:
        moved = answer(status="307 Moved", headers=(f"Location: {elsewhere.url}/x",))
        with RawServer(always(moved)) as server:
            report = send(server.port, 500)
    assert report.stopped == "refused"
    assert report.reason.code == "play_redirected"
    assert report.reason.params == {"status": 307, "location": f"{elsewhere.url}/x"}
    assert report.tally.refused == len(server.requests)
    assert elsewhere.connections == 0


def test_an_answer_that_leads_nowhere_is_told_by_its_status() -> None:
    with RawServer(always(answer(status="304 Not Modified"))) as server:
        report = send(server.port, 50)
    assert (report.stopped, report.reason.code) == ("refused", "play_answered")
    assert report.reason.params == {"status": 304}


def test_a_refused_play_does_not_stop_the_others() -> None:
    with FaultySite(lambda number: "conflict" if number % 10 == 0 else "ok") as site:
        report = send(site.port, 500)
    assert report.tally == Tally(counted=450, refused=50, statuses={200: 450, 409: 50})


def test_a_site_that_refuses_play_after_play_is_left() -> None:
    with FaultySite(lambda number: "conflict") as site:
        report = send(site.port, 10_000)
    assert report.stopped == "refused"
    assert len(site.received) < 50


# --- again


def first_time(fault: str) -> Callable[[int], str]:
    """It befalls each 35th play, once."""
    seen: set[int] = set()

    def choose(number: int) -> str:
        if number % 35 or number in seen:
            return "ok"
        seen.add(number)
        return fault

    return choose


@pytest.mark.parametrize("fault", ["busy", "unavailable"])
def test_what_was_surely_not_counted_is_sent_again(fault: str) -> None:
    with FaultySite(first_time(fault)) as site:
        report = send(site.port, 140)
    assert (report.stopped, report.tally.counted) == ("drained", 140)
    assert set(site.counted.values()) == {1}
    assert len(site.received) == 144


@pytest.mark.parametrize("fault", ["error after", "reset after", "half a body", "hangs after"])
def test_what_may_have_been_counted_is_not_sent_again(fault: str) -> None:
    with FaultySite(first_time(fault)) as site:
        report = send(site.port, 140)
    assert (report.tally.counted, report.tally.uncertain) == (136, 4)
    assert set(site.counted.values()) == {1}


@pytest.mark.parametrize("fault", ["error after", "reset after", "half a body", "hangs after"])
def test_what_may_have_been_counted_is_sent_again_where_the_site_knows_its_number(
    fault: str,
) -> None:
    with FaultySite(first_time(fault), idempotent=True) as site:
        report = send(site.port, 140, SAFE_PLAY)
    assert (report.stopped, report.tally.counted) == ("drained", 140)
    assert site.plays == 140


def test_a_play_that_was_in_doubt_once_is_not_called_refused_later() -> None:
    seen: set[int] = set()

    def choose(number: int) -> str:
        if number != 5:
            return "ok"
        fault = "conflict" if number in seen else "reset after"
        seen.add(number)
        return fault

    with FaultySite(choose, idempotent=True) as site:
        report = send(site.port, 50, SAFE_PLAY)
    assert (report.tally.counted, report.tally.uncertain, report.tally.refused) == (49, 1, 0)
    assert site.plays == 50


@pytest.mark.timing
def test_retry_after_is_honoured() -> None:
    busy = answer(status="503 Busy", headers=("Retry-After: 1",))

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(busy)
        times.append(time.monotonic())
        while connection.read_request():
            times.append(time.monotonic())
            connection.send(answer())

    times: list[float] = []
    with RawServer(script) as server:
        report = send(server.port, 5, limits=Limits(connections=1))
    assert report.tally == Tally(counted=5, statuses={503: 1, 200: 5})
    assert report.retry_after == 1
    assert 1.0 <= times[1] - times[0] < 5


@pytest.mark.timing
def test_a_long_retry_after_ends_the_run_and_is_reported() -> None:
    busy = answer(status="429 Too Many Requests", headers=("Retry-After: 120",))
    with RawServer(always(busy)) as server:
        report = send(server.port, 1000)
    assert report.stopped == "unavailable"
    assert report.retry_after == 120
    assert report.reason.code == "site_asks_to_wait"
    answered = {"code": "play_answered", "params": {"status": 429}}
    assert report.reason.params == {"reason": answered, "seconds": 120}
    assert report.tally.refused == len(server.requests) <= 8
    assert report.tally.uncertain == 0
    assert report.seconds < 5


@pytest.mark.timing
def test_a_site_that_only_ever_says_busy_is_left() -> None:
    with FaultySite(lambda number: "busy") as site:
        report = send(site.port, 10_000, limits=replace(QUICK, busy_timeout=3))
    assert report.stopped == "unavailable"
    assert report.tally.counted == report.tally.uncertain == 0
    assert report.reason.code == "plays_failed_in_a_row"
    assert 10 <= len(site.received) < 60
    assert 3 < report.seconds < 20


# --- stopping


@pytest.mark.timing
def test_a_stop_ends_a_run_once_its_plays_in_flight_are_answered() -> None:
    stop = threading.Event()
    asked: list[float] = []

    def should_stop() -> bool:
        asked.append(time.monotonic())
        return stop.is_set()

    with FaultySite(delay=0.01) as site:
        threading.Timer(0.4, stop.set).start()
        report = send(site.port, MemoryBook(100_000, window=100), should_stop=should_stop)
    assert report.stopped == "stopped"
    assert 0.4 < report.seconds < 15  # all would take minutes
    assert report.tally.counted == site.plays
    assert report.tally.uncertain == 0
    assert report.tally.not_sent > 0
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert max(gaps) < 5


@pytest.mark.timing
def test_plays_in_flight_at_a_stop_are_awaited_a_little_and_then_uncertain() -> None:
    with FaultySite(lambda number: "hangs after") as site:
        stop_at = time.monotonic() + 0.3
        report = send(
            site.port,
            100,
            limits=Limits(connections=4),
            should_stop=lambda: time.monotonic() > stop_at,
        )
    assert report.stopped == "stopped"
    assert report.tally.uncertain == len(site.received) == 4
    assert report.tally.not_sent == 96
    assert 2.0 < report.seconds < 10


@pytest.mark.timing
def test_nothing_of_an_expired_window_is_sent() -> None:
    with FaultySite(delay=0.02) as site:
        book = MemoryBook(10_000, window=5000, lease=0.3)
        began = time.monotonic()
        report = send(site.port, book, limits=Limits(connections=4))
    assert report.stopped == "expired"
    assert report.reason.code == "reservation_expired"
    assert time.monotonic() - began < 5
    assert report.tally.counted == len(site.received)
    assert report.tally.not_sent == 10_000 - report.tally.counted


@pytest.mark.slow
def test_a_process_stopped_past_its_lease_sends_nothing_when_it_goes_on() -> None:
    program = """
        import time
        from tests.test_engine import *
        site = int(__import__("sys").argv[1])
        book = MemoryBook(100_000_000, window=50_000_000, lease=1.0)
        print("ready", flush=True)
        report = deliver(target(site), PLAY, book, Limits(connections=16), lambda: False)
        print(report.stopped, report.tally.counted + report.tally.uncertain, flush=True)
    """
    for delay in (0.0, 0.003):
        with FaultySite(delay=delay) as site:
            process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(program), str(site.port)],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "DJANGO_SETTINGS_MODULE": "office.settings"},
            )
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.4)
            process.send_signal(signal.SIGSTOP)
            arrived = arrived_in_the_end(site)
            assert arrived > 100
            time.sleep(0.8)
            process.send_signal(signal.SIGCONT)
            stopped, sent = process.stdout.readline().split()
            process.wait(60)
            process.stdout.close()
            assert stopped == "expired"
            assert arrived_in_the_end(site) == int(sent)
            # The one that was just going into its socket cannot be called back.
            assert int(sent) - arrived <= 1


def arrived_in_the_end(site: FaultySite) -> int:
    """How many plays the site has got once no more of those on the wire come."""
    before = -1
    while before < (now := len(site.received)):
        before = now
        time.sleep(0.3)
    return now


# --- TLS


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


@contextmanager
def tls_site(authority: trustme.CA, name: str, script: Script) -> Iterator[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    names: list[str | None] = []
    context.sni_callback = lambda sock, asked, context: names.append(asked)
    with RawServer(script, tls=context) as server:
        server.names = names  # type: ignore[attr-defined]
        yield server


def test_tls_goes_to_the_pinned_address_under_the_sites_own_name(
    authority: trustme.CA, pem: str
) -> None:
    with tls_site(authority, "video.example", always(answer())) as server:
        there = target(server.port, scheme="https", host="video.example", authority=pem)
        book = MemoryBook(200)
        report = deliver(there, PLAY, book, QUICK, lambda: False)
    assert report.tally == Tally(counted=200, statuses={200: 200})
    assert set(server.names) == {"video.example"}  # type: ignore[attr-defined]
    assert b"\r\nHost: video.example:%d\r\n" % server.port in server.requests[0]


def test_an_answer_without_a_length_may_end_without_the_end_of_tls(
    authority: trustme.CA, pem: str
) -> None:
    """Many servers only hang up (no close_notify)."""

    def script(connection: Connection) -> None:
        if connection.read_request():
            connection.send(b'HTTP/1.0 200 OK\r\n\r\n{"views": 7}')

    with tls_site(authority, "video.example", script) as server:
        there = target(server.port, scheme="https", host="video.example", authority=pem)
        report = deliver(there, PLAY, MemoryBook(30), QUICK, lambda: False)
        events: SimpleQueue[Fetched] = SimpleQueue()
        channel = Channel(there, QUICK, events)
        channel.fetch(1, Call("/videos/a"))
        fetched = events.get(timeout=10)
        channel.close()
    assert report.tally == Tally(counted=30, statuses={200: 30})
    assert isinstance(fetched.result, Response)
    assert fetched.result.json() == {"views": 7}


@pytest.mark.parametrize("cut", [b"Content-Length: 20\r\n\r\n{", b"X-Note: the head is cut here"])
def test_what_tls_breaks_off_is_no_whole_answer(
    cut: bytes, authority: trustme.CA, pem: str
) -> None:
    def script(connection: Connection) -> None:
        if connection.read_request():
            connection.send(b"HTTP/1.1 200 OK\r\n" + cut)

    with tls_site(authority, "video.example", script) as server:
        there = target(server.port, scheme="https", host="video.example", authority=pem)
        report = deliver(there, PLAY, MemoryBook(1), QUICK, lambda: False)
    assert report.tally == Tally(uncertain=1)


@pytest.mark.parametrize("name", ["other.example", "127.0.0.1"])
def test_a_certificate_for_another_name_gets_no_play(
    name: str, authority: trustme.CA, pem: str
) -> None:
    with tls_site(authority, name, always(answer())) as server:
        there = target(server.port, scheme="https", host="video.example", authority=pem)
        book = MemoryBook(200)
        report = deliver(there, PLAY, book, QUICK, lambda: False)
    assert report.stopped == "unavailable"
    assert report.reason.code == "certificate_not_valid"
    assert report.tally.not_sent == 200
    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_gets_no_play(authority: trustme.CA) -> None:
    with tls_site(authority, "video.example", always(answer())) as server:
        there = target(server.port, scheme="https", host="video.example")
        report = deliver(there, PLAY, MemoryBook(10), QUICK, lambda: False)
    assert (report.stopped, report.tally.not_sent) == ("unavailable", 10)
    assert server.requests == []


def test_a_server_that_speaks_no_tls_gets_no_play(pem: str) -> None:
    with RawServer() as server:
        there = target(server.port, scheme="https", host="video.example", authority=pem)
        report = deliver(there, PLAY, MemoryBook(10), QUICK, lambda: False)
    assert (report.stopped, report.tally.not_sent) == ("unavailable", 10)


# --- pace


@pytest.mark.parametrize("rate", [20.0, 1000.0])
@pytest.mark.timing
def test_the_rate_is_kept_to_and_nearly_reached(rate: float) -> None:
    plays = int(rate * 2) + 1
    with FaultySite() as site:
        limits = Limits(connections=16, rate=rate)
        report = send(site.port, MemoryBook(plays, window=plays), limits=limits)
    assert report.tally.counted == plays
    assert 1.9 <= report.seconds < 8


@pytest.mark.timing
def test_a_paced_order_burns_no_processor() -> None:
    with RawServer() as server:
        used = time.process_time()
        send(server.port, 5, limits=Limits(connections=4, rate=2.0))
        used = time.process_time() - used
    assert used < 0.6


@pytest.mark.timing
def test_an_idle_wire_sleeps() -> None:
    def twice(connection: Connection) -> None:
        for headers in ((), ("Connection: close",)):
            connection.read_request()
            connection.send(answer(headers=headers))

    with RawServer(twice) as server, RawServer() as other:
        send(other.port, 5)
        for _ in range(2):
            send(server.port, 1)
    time.sleep(2.3)  # free connections are closed by then
    used = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - used < 0.3


# --- any mix of faults

MILD = [name for name in FAULTS if not name.startswith("hangs b") and name != "hangs after"]


@pytest.mark.slow
@pytest.mark.parametrize("idempotent", [False, True])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32),
    share=st.sampled_from([0.0, 0.02, 0.2, 0.6, 1.0]),
    faults=st.lists(st.sampled_from(MILD), min_size=1, max_size=4, unique=True),
    plays=st.integers(1, 400),
    window=st.sampled_from([1, 7, 100, 1000]),
    connections=st.sampled_from([1, 3, 20]),
)
def test_the_counts_are_honest_whatever_goes_wrong(
    idempotent: bool,
    seed: int,
    share: float,
    faults: list[str],
    plays: int,
    window: int,
    connections: int,
) -> None:
    dice = random.Random(seed)

    def choose(number: int) -> str:
        return dice.choice(faults) if dice.random() < share else "ok"

    limits = replace(QUICK, connections=connections, first_byte_timeout=0.3)
    stop_at = time.monotonic() + 2
    with FaultySite(choose, idempotent=idempotent) as site:
        report = send(
            site.port,
            MemoryBook(plays, window=window),
            SAFE_PLAY if idempotent else PLAY,
            limits,
            lambda: time.monotonic() > stop_at,
        )
    tally = report.tally
    assert tally.counted <= site.plays <= tally.counted + tally.uncertain
    assert max(site.counted.values(), default=0) <= 1
    if report.stopped == "drained" and not tally.uncertain:
        assert site.plays == tally.counted
    assert report.seconds < 30


@given(data=st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_an_answers_head(data: bytes) -> None:
    head = AnswerHead(b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\n\r\n" + data)
    assert head.headers["retry-after"] == "3"


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_asked_for_holds_whatever_comes_behind_the_answer(status: int) -> None:
    head = b"HTTP/1.1 %d Busy\r\nContent-Length: 2\r\nRetry-After: 3\r\n\r\n" % status
    for behind in (b"busy", b"ok" + head.replace(b"3", b"4"), b"ok\r\n\r\nX: 1\r\n\r\n"):
        assert interpret(status, head + behind, 0.0).retry_after == 3


def test_an_interim_head_is_not_the_answers() -> None:
    head = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\nHTTP/1.1 503 Busy\r\nA: b\r\n\r\n"
    assert dict(AnswerHead(head).headers) == {"a": "b"}
