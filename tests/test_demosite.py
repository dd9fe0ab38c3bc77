"""The demo site, met as its clients meet it: a real process, real sockets."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from booster.demosite.keys import SeenKeys
from tests.programs import CHROMIUM_ARGS, needed
from tests.sites import ROOT, DemoSite

VIDEO = "harbour-at-dawn"
COUNT = f"/api/videos/{VIDEO}"
PLAYS = f"{COUNT}/plays"
GET_COUNT = f"GET {COUNT} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.fixture(scope="module")
def running() -> Iterator[DemoSite]:
    with DemoSite(extra=100) as site:
        yield site


@pytest.fixture
def site(running: DemoSite) -> Iterator[DemoSite]:
    yield running
    running.clear()


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def connect(site: DemoSite, timeout: float = 5) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", site.port, timeout=timeout)


def ask(
    site: DemoSite, method: str, path: str, timeout: float = 5, body: Any = None, **headers: str
) -> Answer:
    connection = connect(site, timeout)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=named)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def play(site: DemoSite, timeout: float = 5, **headers: str) -> Answer:
    return ask(site, "POST", PLAYS, timeout, **headers)


def raw(site: DemoSite, data: bytes, *, wait: float = 5) -> bytes:
    """Everything the site says to these bytes until it closes, or is silent for `wait`."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=wait) as client:
        client.sendall(data)
        said = b""
        while True:
            try:
                part = client.recv(65536)
            except TimeoutError:
                return said
            if not part:
                return said
            said += part


# Counting


def test_a_play_moves_the_counter_by_one_and_answers_it(site: DemoSite) -> None:
    before = site.views(VIDEO)
    answer = play(site)
    assert (answer.status, answer.json) == (200, {"views": before + 1})
    assert site.views(VIDEO) == before + 1


def test_the_count_names_the_video(site: DemoSite) -> None:
    answer = ask(site, "GET", COUNT)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"id": VIDEO, "title": "Harbour at Dawn", "views": site.views(VIDEO)}


def test_all_videos_are_listed_with_their_counts(site: DemoSite) -> None:
    rows = ask(site, "GET", "/api/videos").json["videos"]
    assert {"id": VIDEO, "title": "Harbour at Dawn", "views": site.views(VIDEO)} in rows
    assert len(rows) == 112


@pytest.mark.parametrize("video", ["nothing-here", "v0", "v101", "v01", "V1", "%2e%2e"])
@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/plays")])
def test_an_unknown_video_is_not_found_in_json(
    site: DemoSite, video: str, method: str, end: str
) -> None:
    answer = ask(site, method, f"/api/videos/{video}{end}")
    assert (answer.status, answer.json) == (404, {"error": "Not Found"})


def test_numbered_extras_count_like_the_others(site: DemoSite) -> None:
    assert site.views("v100") == 0
    ask(site, "POST", "/api/videos/v100/plays", X_Play_Order="extra")
    assert (site.views("v100"), site.order("extra")["videos"]) == (1, {"v100": 1})


def test_plays_at_once_from_many_connections_are_counted_exactly(site: DemoSite) -> None:
    before = site.views(VIDEO)

    def client(number: int) -> None:
        connection = connect(site)
        for play_number in range(500):
            key = f"crowd:{number * 500 + play_number}"
            headers = {"X-Play-Order": "crowd", "Idempotency-Key": key}
            for _ in range(1 + play_number % 2):  # every second one is sent twice
                connection.request("POST", PLAYS, headers=headers)
                connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert site.views(VIDEO) == before + 4000
    assert site.order("crowd") == {
        "order": "crowd",
        "plays": 4000,
        "replays": 2000,
        "lost": 0,
        "videos": {VIDEO: 4000},
    }


def test_an_order_never_heard_of_has_no_plays(site: DemoSite) -> None:
    record = {"order": "who", "plays": 0, "replays": 0, "lost": 0, "videos": {}}
    assert site.order("who") == record


def test_a_play_without_an_order_belongs_to_none(site: DemoSite) -> None:
    play(site, Idempotency_Key="named-by-key-only:1")
    assert site.plays("named-by-key-only") == 0


# Idempotency


def test_a_repeated_key_answers_the_present_count_and_counts_nothing(site: DemoSite) -> None:
    first = play(site, Idempotency_Key="r:1", X_Play_Order="r")
    play(site)
    again = play(site, Idempotency_Key="r:1", X_Play_Order="r")

    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status, again.json["views"]) == (200, first.json["views"] + 1)
    assert (site.order("r")["plays"], site.order("r")["replays"]) == (1, 1)


def test_header_names_may_come_in_any_case(site: DemoSite) -> None:
    head = f"POST {PLAYS} HTTP/1.1\r\nhOST: x\r\nconnection: close\r\ncontent-length: 0\r\n"
    request = f"{head}iDEMPOTENCY-kEY: case:1\r\nx-play-order: case\r\n\r\n".encode()
    raw(site, request)
    raw(site, request)
    assert (site.plays("case"), site.order("case")["replays"]) == (1, 1)


@pytest.mark.parametrize("order", ["a b", "ü", "", "x" * 65, "<b>"])
def test_an_order_name_that_is_none_is_refused_and_not_counted(site: DemoSite, order: str) -> None:
    before = site.views(VIDEO)
    assert play(site, X_Play_Order=order).status == 400
    assert site.views(VIDEO) == before


def test_a_key_too_long_is_refused_and_not_counted(site: DemoSite) -> None:
    before = site.views(VIDEO)
    assert play(site, Idempotency_Key="k" * 201).status == 400
    assert site.views(VIDEO) == before


def test_keys_are_exact_whatever_their_numbers() -> None:
    dice = random.Random(4)
    keys = [b"dense:%d" % number for number in range(20_000)]
    keys += [b"sparse:%d" % dice.randrange(10**18) for _ in range(20_000)]
    keys += [b"odd:07", b"odd:7", b"odd:", b":7", b"7", b"", b"odd:-7", b"odd:" + b"9" * 19]
    keys += [b"other-%d" % dice.getrandbits(60) for _ in range(5_000)]
    dice.shuffle(keys)
    seen = SeenKeys()
    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys)


def test_numbered_keys_take_less_than_a_byte_each() -> None:
    seen = SeenKeys()
    tracemalloc.start()
    fresh = sum(seen.add(b"big:%d" % number) for number in range(100_000))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fresh == 100_000
    assert not seen.add(b"big:0") and not seen.add(b"big:99999")
    assert used < 100_000


def test_keys_stay_exact_when_there_is_no_room_for_pages() -> None:
    seen = SeenKeys()
    seen.max_pages = seen.max_orders = 2
    keys = [b"a:%d" % (number * 5000) for number in range(50)]
    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys)
    # The oldest order goes, its pages are free again: keys kept elsewhere are still known.
    assert seen.add(b"b:1") and seen.add(b"c:1")
    assert not any(seen.add(key) for key in keys[2:])


def test_other_keys_are_forgotten_only_after_a_whole_generation() -> None:
    seen = SeenKeys()
    seen.generation = 1000
    keys = [b"key-%d" % number for number in range(3000)]
    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys[-1000:])
    assert len(seen._young) + len(seen._old) <= 2000


# Ownership and other public files


def test_an_ownership_file_counts_from_the_moment_it_is_there_until_it_goes(
    site: DemoSite,
) -> None:
    path = f"/booster-office-{'ab' * 16}.txt"
    assert ask(site, "GET", path).status == 404
    token = site.token("ab" * 16)
    answer = ask(site, "GET", path)
    assert (answer.status, answer.body) == (200, token.encode())
    assert answer.headers["Content-Type"].startswith("text/plain")
    site.remove_token(token)
    assert ask(site, "GET", path).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/folder/secret.txt",
        "/folder%2fsecret.txt",
        "/.hidden.txt",
        "/link.txt",
        "/folder",
        "/pipe.txt",
        "//etc/passwd",
        "/secret.txt%00",
    ],
)
def test_nothing_but_plain_files_of_the_folder_is_served(site: DemoSite, path: str) -> None:
    (site.public / "folder").mkdir(exist_ok=True)
    for name in ("folder/secret.txt", ".hidden.txt"):
        (site.public / name).write_text("secret")
    if not (site.public / "link.txt").is_symlink():
        (site.public / "link.txt").symlink_to("/etc/hostname")
        os.mkfifo(site.public / "pipe.txt")
    said = raw(site, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 404 ")
    assert b"secret</" not in said and b"root:" not in said


# Faults: what goes wrong, and whether it was counted


def test_a_delayed_play_is_counted_on_arrival_and_answered_late(site: DemoSite) -> None:
    site.fault("plays", "delay", seconds=0.4, times=1)
    before = site.views(VIDEO)
    seen: list[int] = []
    watcher = threading.Timer(0.2, lambda: seen.append(site.views(VIDEO)))
    watcher.start()
    began = time.monotonic()
    assert play(site).status == 200
    assert time.monotonic() - began >= 0.39
    watcher.join()
    assert seen == [before + 1]


@pytest.mark.parametrize(
    ("status", "headers"),
    [(500, {}), (503, {}), (503, {"Retry-After": "7"}), (429, {"Retry-After": "1"}), (404, {})],
)
def test_a_status_is_answered_with_its_headers_and_not_counted(
    site: DemoSite, status: int, headers: dict[str, str]
) -> None:
    site.fault("plays", "status", status=status, headers=headers)
    before = site.views(VIDEO)
    answer = play(site, X_Play_Order="turned-away")
    assert answer.status == status
    assert answer.headers.get("Retry-After") == headers.get("Retry-After")
    assert (site.views(VIDEO), site.plays("turned-away")) == (before, 0)


def test_a_status_can_hide_a_counted_play(site: DemoSite) -> None:
    site.fault("plays", "status", status=500, counts=True)
    before = site.views(VIDEO)
    assert play(site).status == 500
    assert site.views(VIDEO) == before + 1


@pytest.mark.parametrize(("kind", "moved"), [("hang", 0), ("hang_body", 1)])
def test_a_hanging_answer_never_ends(site: DemoSite, kind: str, moved: int) -> None:
    site.fault("plays", kind)
    before = site.views(VIDEO)
    with pytest.raises(TimeoutError):
        play(site, timeout=0.5)
    assert site.views(VIDEO) == before + moved


def test_a_hanging_body_has_complete_headers(site: DemoSite) -> None:
    site.fault("count", "hang_body")
    head, _, body = raw(site, GET_COUNT, wait=0.4).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert len(body) == 1


@pytest.mark.parametrize(("kind", "moved"), [("reset_before", 0), ("reset_after", 1)])
def test_a_reset_breaks_the_connection_before_or_after_counting(
    site: DemoSite, kind: str, moved: int
) -> None:
    site.fault("plays", kind)
    before = site.views(VIDEO)
    with pytest.raises(ConnectionResetError):
        play(site)
    assert site.views(VIDEO) == before + moved


def test_half_a_body_ends_too_early(site: DemoSite) -> None:
    site.fault("plays", "half_body")
    before = site.views(VIDEO)
    with pytest.raises(http.client.IncompleteRead):
        play(site)
    assert site.views(VIDEO) == before + 1


def test_a_big_body_is_ten_megabytes_of_correct_json(site: DemoSite) -> None:
    site.fault("count", "big_body")
    answer = ask(site, "GET", COUNT)
    assert abs(len(answer.body) - 10_000_000) < 100
    assert answer.json["id"] == VIDEO


def test_a_slow_drip_comes_byte_by_byte(site: DemoSite) -> None:
    site.fault("count", "slow_drip", seconds=0.002)
    began = time.monotonic()
    answer = ask(site, "GET", COUNT)
    assert answer.json["id"] == VIDEO
    assert time.monotonic() - began > 0.3


def test_html_comes_for_json(site: DemoSite) -> None:
    site.fault("count", "not_json")
    answer = ask(site, "GET", COUNT)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(answer.body)


def test_a_gzip_bomb_is_small_until_it_is_unpacked(site: DemoSite) -> None:
    site.fault("count", "gzip_bomb", size=20_000_000)
    answer = ask(site, "GET", COUNT)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.body) < 30_000
    assert len(zlib.decompress(answer.body, wbits=31)) == 20_000_000


def test_a_redirect_names_its_place_and_counts_nothing(site: DemoSite) -> None:
    site.fault("plays", "redirect", location="http://169.254.169.254/latest", status=307)
    before = site.views(VIDEO)
    answer = play(site)
    assert (answer.status, answer.headers["Location"]) == (307, "http://169.254.169.254/latest")
    assert site.views(VIDEO) == before


def test_a_lost_increment_looks_counted_and_is_not(site: DemoSite) -> None:
    before = site.views(VIDEO)
    site.fault("plays", "lost_increment", times=1)
    answer = play(site, X_Play_Order="lossy", Idempotency_Key="lossy:1")
    assert (answer.status, answer.json) == (200, {"views": before})
    again = play(site, X_Play_Order="lossy", Idempotency_Key="lossy:1")
    assert again.headers["Idempotency-Replayed"] == "true"
    record = site.order("lossy")
    assert (record["plays"], record["lost"], record["replays"]) == (0, 1, 1)
    assert site.views(VIDEO) == before


@pytest.mark.parametrize(("kind", "moved"), [("stuck", 0), ("jump", 1051), ("fall", -949)])
def test_a_counter_can_lie_while_plays_go_on(site: DemoSite, kind: str, moved: int) -> None:
    before = site.views(VIDEO)
    site.fault("count", kind, by=1000)
    for _ in range(51):
        play(site, X_Play_Order=kind)
    assert site.views(VIDEO) == before + moved
    assert site.plays(kind) == 51
    site.clear()
    assert site.views(VIDEO) == before + 51


def test_a_counter_can_lag(site: DemoSite) -> None:
    before = site.views(VIDEO)
    site.fault("count", "lag", seconds=1.0)
    play(site)
    assert site.views(VIDEO) == before
    time.sleep(0.5)
    play(site)
    assert site.views(VIDEO) == before
    time.sleep(0.8)
    assert site.views(VIDEO) == before + 1
    time.sleep(0.6)
    assert site.views(VIDEO) == before + 2


def test_a_fault_strikes_only_where_when_and_as_often_as_asked(site: DemoSite) -> None:
    site.fault("plays", "status", status=503, video=VIDEO, skip=2, times=3)
    statuses = [play(site).status for _ in range(7)]
    assert statuses == [200, 200, 503, 503, 503, 200, 200]
    other = ask(site, "POST", "/api/videos/v1/plays")
    assert (other.status, site.faults()[0]["strikes"]) == (200, 3)


def test_a_fault_by_chance_repeats_with_its_seed(site: DemoSite) -> None:
    def run() -> list[int]:
        site.clear()
        site.fault("plays", "status", probability=0.3, seed=9)
        return [play(site).status for _ in range(60)]

    first = run()
    assert run() == first
    assert 5 < first.count(500) < 35


def test_a_fault_strikes_what_comes_too_fast(site: DemoSite) -> None:
    site.fault("plays", "status", status=503, over=0.01, burst=2)
    assert [play(site).status for _ in range(5)] == [200, 200, 200, 503, 503]
    site.clear()
    site.fault("plays", "status", status=503, over=100_000)
    assert [play(site).status for _ in range(5)] == [200] * 5


def test_pages_and_ownership_can_fail_as_well(site: DemoSite) -> None:
    token = site.token()
    site.fault("page", "status", status=502)
    site.fault("ownership", "redirect", location="https://example.org/")
    assert ask(site, "GET", f"/videos/{VIDEO}").status == 502
    assert ask(site, "GET", f"/booster-office-{token}.txt").status == 302
    assert ask(site, "GET", COUNT).status == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"where": "plays"},
        {"where": "plays", "kind": "status", "over": 0},
        {"where": "plays", "kind": "status", "burst": -1},
        {"where": "moon", "kind": "delay"},
        {"where": "plays", "kind": "explode"},
        {"where": "plays", "kind": "stuck"},
        {"where": "count", "kind": "lost_increment"},
        {"where": "plays", "kind": "delay", "seconds": -1},
        {"where": "plays", "kind": "delay", "surprise": 1},
        {"where": "plays", "kind": "status", "status": 99},
        {"where": "plays", "kind": "status", "headers": {"A": "b\r\nc: d"}},
        {"where": "plays", "kind": "redirect", "location": "x\ny"},
        ["plays"],
        None,
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(site: DemoSite, wanted: object) -> None:
    answer = ask(site, "POST", "/control/faults", body=json.dumps(wanted))
    assert answer.status == 400
    assert site.faults() == []


def test_a_control_body_that_is_not_json_is_refused(site: DemoSite) -> None:
    for path in ("/control/faults", "/control/views"):
        assert ask(site, "POST", path, body=b"\xff{").status == 400


def test_other_people_play_too(site: DemoSite) -> None:
    site.set_views("v7", 500)
    site.add_views("v7", 20)
    assert site.views("v7") == 520
    site.add_views("v7", -30)
    assert site.views("v7") == 490
    with pytest.raises(RuntimeError, match="400"):
        site.add_views("v7", -491)
    assert site.views("v7") == 490


def test_without_the_option_there_is_no_control() -> None:
    with DemoSite(control=False) as public:
        for method in ("GET", "POST", "DELETE"):
            assert ask(public, method, "/control/faults", body="{}").status == 404
        body = json.dumps({"video": VIDEO, "views": 1})
        before = public.views(VIDEO)
        assert ask(public, "POST", "/control/views", body=body).status == 404
        assert public.views(VIDEO) == before


# HTTP/1.1


def test_requests_sent_in_one_go_are_answered_in_order(site: DemoSite) -> None:
    before = site.views(VIDEO)
    one = f"POST {PLAYS} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    last = one.replace(b"Host: x", b"Host: x\r\nConnection: close")
    said = raw(site, one * 999 + last)
    views = [int(part.partition(b"}")[0]) for part in said.split(b'{"views": ')[1:]]
    assert views == list(range(before + 1, before + 1001))


def test_requests_behind_a_delayed_one_wait_for_their_turn(site: DemoSite) -> None:
    site.fault("plays", "delay", seconds=0.3, times=1)
    close = b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    post = f"POST {PLAYS} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    said = raw(site, post + GET_COUNT + close)
    places = [said.index(part) for part in (b'{"views"', b'{"id"', b"<svg")]
    assert places == sorted(places)


def test_a_request_may_arrive_byte_by_byte(site: DemoSite) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        for byte in GET_COUNT:
            client.send(bytes((byte,)))
            time.sleep(0.001)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_connection_is_kept_until_it_is_asked_to_close(site: DemoSite) -> None:
    connection = connect(site)
    for _ in range(3):
        connection.request("GET", COUNT)
        assert "Connection" not in Answer(connection.getresponse()).headers
    connection.request("GET", COUNT, headers={"Connection": "close"})
    response = connection.getresponse()
    assert response.headers["Connection"] == "close"
    connection.close()
    assert raw(site, GET_COUNT.replace(b"Host", b"Connection: close\r\nHost")).endswith(b"}")


def test_http_1_0_closes_unless_asked_to_keep(site: DemoSite) -> None:
    request = f"GET {COUNT} HTTP/1.0\r\n\r\n".encode()
    assert b"Connection: close" in raw(site, request)
    kept = raw(site, request.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"), wait=0.3)
    assert b"Connection: keep-alive" in kept


def test_a_chunked_body_is_read_and_its_trailers_change_nothing(site: DemoSite) -> None:
    head = f"POST {PLAYS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    body = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Play-Order: trailer\r\n\r\n"
    before = site.views(VIDEO)
    assert raw(site, (head + body).encode()).startswith(b"HTTP/1.1 200 OK")
    assert (site.views(VIDEO), site.plays("trailer")) == (before + 1, 0)


def test_a_client_that_waits_for_a_go_ahead_gets_it(site: DemoSite) -> None:
    head = f"POST {PLAYS} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        client.sendall(head.encode())
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_an_upgrade_is_declined_by_going_on(site: DemoSite) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\nHost"
    close = GET_COUNT.replace(b"Host", b"Connection: close\r\nHost")
    said = raw(site, GET_COUNT.replace(b"Host", upgrade) + close)
    assert said.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("path", ["/", f"/videos/{VIDEO}", COUNT, "/favicon.ico", "/nowhere"])
def test_head_answers_as_get_without_the_body(site: DemoSite, path: str) -> None:
    get, head = ask(site, "GET", path), ask(site, "HEAD", path)
    assert head.body == b""
    assert head.status == get.status
    assert head.headers["Content-Length"] == str(len(get.body))


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", PLAYS, "POST"),
        ("PUT", PLAYS, "POST"),
        ("POST", COUNT, "GET, HEAD"),
        ("DELETE", f"/videos/{VIDEO}", "GET, HEAD"),
        ("PUT", "/control/faults", "DELETE, GET, HEAD, POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    site: DemoSite, method: str, path: str, allow: str
) -> None:
    before = site.views(VIDEO)
    answer = ask(site, method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert site.views(VIDEO) == before


CHUNKED = "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        (f"GET {COUNT} HTTP/1.1\r\n\r\n", 400),
        (f"GET {COUNT} HTTP/1.1\r\nHost x\r\n\r\n", 400),
        (f"POST {PLAYS} HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n", 400),
        (f"POST {PLAYS} HTTP/1.1\r\nContent-Length: 1\r\n{CHUNKED}0\r\n\r\n", 400),
        (f"POST {PLAYS} HTTP/1.1\r\n{CHUNKED}zz\r\n", 400),
        ("GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
        ("POST /control/faults HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 411),
        (f"POST {PLAYS} HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n", 413),
        (f"POST {PLAYS} HTTP/1.1\r\n{CHUNKED}" + "1\r\nx\r\n" * 70000, 413),
        (f"GET {COUNT} HTTP/1.1\r\n" + "".join(f"H{n}: {n}\r\n" for n in range(9000)), 431),
        (f"GET /{'x' * 60000}", 431),
    ],
)
def test_what_is_not_a_proper_request_is_refused_and_the_connection_closed(
    site: DemoSite, request_text: str, status: int
) -> None:
    before = site.views(VIDEO)
    said = raw(site, request_text.encode())
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in said
    assert said.count(b"HTTP/1.1") == 1
    assert site.views(VIDEO) == before


def test_a_client_that_is_gone_before_the_answer_harms_nobody(site: DemoSite) -> None:
    site.fault("plays", "delay", seconds=0.2)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", site.port)) as client:
            client.sendall(f"POST {PLAYS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.4)
    assert site.views(VIDEO) > 0


# Pages


def test_the_shelf_and_a_video_come_in_english_and_chinese(site: DemoSite) -> None:
    def text(path: str, accept: str = "") -> str:
        return ask(site, "GET", path, Accept_Language=accept).body.decode()

    assert "Harbour at Dawn" in text("/")
    assert "黎明的港湾" in text("/", "fr, zh-CN;q=0.9, en;q=0.8")
    assert "Harbour at Dawn" in text(f"/videos/{VIDEO}", "en-GB, zh;q=0.5")
    assert '<html lang="zh-Hans">' in text(f"/videos/{VIDEO}?lang=zh", "en")
    assert "Harbour at Dawn" in text("/?lang=xx", "x;q=nonsense, en, zh")


def test_a_video_page_lists_its_recent_orders(site: DemoSite) -> None:
    for _ in range(3):
        ask(site, "POST", "/api/videos/v9/plays", X_Play_Order="zhang-1")
    ask(site, "POST", "/api/videos/v9/plays", X_Play_Order="zhang-2")
    page = ask(site, "GET", "/videos/v9").body.decode()
    assert page.index("<td>zhang-2</td>") < page.index("<td>zhang-1</td>")
    assert '<td>zhang-1</td><td class="count">3</td>' in page
    rows = ask(site, "GET", "/api/videos/v9/orders").json["orders"]
    assert rows == [{"order": "zhang-2", "plays": 1}, {"order": "zhang-1", "plays": 3}]


def test_pages_load_nothing_from_elsewhere_and_say_so(site: DemoSite) -> None:
    answer = ask(site, "GET", f"/videos/{VIDEO}")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert b"http://" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in answer.body


def test_an_unknown_page_is_a_page_too(site: DemoSite) -> None:
    answer = ask(site, "GET", "/videos/nowhere")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1360, 850), (390, 844)])
def test_the_counter_of_an_open_page_follows_by_itself(
    site: DemoSite, width: int, height: int
) -> None:
    from playwright.sync_api import sync_playwright

    complaints: list[str] = []
    with sync_playwright() as play_wright:
        browser = play_wright.chromium.launch(
            executable_path=needed("chromium"), args=CHROMIUM_ARGS
        )
        page = browser.new_page(viewport={"width": width, "height": height}, locale="en-US")
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site.url)
        page.click("text=Harbour at Dawn")
        page.wait_for_selector(f'#views[data-views="{site.views(VIDEO)}"]')
        play(site, X_Play_Order=f"watched-{width}")
        page.wait_for_selector(f"td:text('watched-{width}')")
        before = site.views(VIDEO)
        page.click("button.play")
        page.wait_for_selector(f'#views[data-views="{before + 1}"]')
        assert page.evaluate("document.documentElement.scrollWidth") == width
        browser.close()
    assert complaints == []


# The process


def test_counters_orders_and_keys_survive_a_restart(tmp_path: Path) -> None:
    with DemoSite(state=tmp_path / "state.json") as site:
        for number in range(5):
            play(site, X_Play_Order="kept", Idempotency_Key=f"kept:{number}")
        play(site, Idempotency_Key="a key of another form")
        before = site.views(VIDEO)
        assert site.stop() == 0

        site.start()
        assert (site.views(VIDEO), site.plays("kept")) == (before, 5)
        for key in ("kept:3", "a key of another form"):
            assert play(site, Idempotency_Key=key).headers["Idempotency-Replayed"] == "true"
        assert play(site, Idempotency_Key="kept:5").json == {"views": before + 1}
        assert b"<td>kept</td>" in ask(site, "GET", f"/videos/{VIDEO}").body


def test_a_kill_loses_at_most_the_last_moments(tmp_path: Path) -> None:
    with DemoSite(state=tmp_path / "state.json") as site:
        views = play(site).json["views"]
        time.sleep(1.6)
        site.kill()
        site.start()
        assert site.views(VIDEO) == views


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
@pytest.mark.timing
def test_it_stops_cleanly_without_waiting_for_idle_connections(number: str) -> None:
    with DemoSite() as site:
        idle = connect(site)
        idle.request("GET", COUNT)
        idle.getresponse().read()
        began = time.monotonic()
        assert site.stop(signal.Signals[number]) == 0
        assert time.monotonic() - began < 5
        idle.close()


def test_stopping_finishes_the_answer_that_is_on_its_way() -> None:
    with DemoSite() as site:
        site.fault("plays", "delay", seconds=0.6)
        stopper = threading.Timer(0.2, site.stop)
        stopper.start()
        answer = play(site)
        stopper.join()
        assert (answer.status, answer.headers["Connection"]) == (200, "close")


@pytest.mark.timing
def test_stopping_does_not_wait_for_what_hangs() -> None:
    with DemoSite() as site:
        site.fault("plays", "hang")
        with socket.create_connection(("127.0.0.1", site.port)) as client:
            client.sendall(f"POST {PLAYS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(0.2)
            began = time.monotonic()
            assert site.stop() == 0
            assert time.monotonic() - began < 8


@contextmanager
def started_with(changes: str) -> Iterator[int]:
    """The port of a site that runs after these statements."""
    code = f"{changes}\nfrom booster.demosite.__main__ import main\nmain()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        yield int(process.stdout.readline().rpartition(":")[2])
        process.terminate()
        assert process.wait(60) == 0


def test_silent_and_slow_connections_are_closed() -> None:
    impatient = (
        "import booster.demosite.connection as limits\n"
        "limits.IDLE_SECONDS = limits.REQUEST_SECONDS = 0.5"
    )
    with started_with(impatient) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as idle:
            assert idle.recv(100) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            slow.sendall(GET_COUNT[:20])
            assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_it_runs_on_plain_asyncio_too() -> None:
    with started_with("import sys; sys.modules['uvloop'] = None") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for views in (18_205, 18_206, 18_207):
            connection.request("POST", PLAYS)
            assert json.loads(connection.getresponse().read()) == {"views": views}
        connection.close()


def test_it_serves_https_with_a_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("videos.example", "127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    with DemoSite("--tls", str(chain), str(key), control=False) as site:
        assert site.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context()
        authority.configure_trust(context)
        connection = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=5, context=context)
        for _ in range(3):
            connection.request("POST", PLAYS, headers={"Idempotency-Key": "tls:1"})
            assert json.loads(connection.getresponse().read()) == {"views": 18_205}
        connection.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "http"], "a port is a number"),
        (["--port", "70000"], "a port is a number"),
        (["--public", "/no/such/folder"], "is not a folder"),
        (["--videos", "/no/such/file"], "No such file"),
        (["--state", "/no/such/folder/state"], "cannot be written"),
        (["--tls", "/no/cert", "/no/key"], "argument --tls"),
        (["--surprise"], "unrecognized arguments"),
        (["--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1:0"),
    ],
)
def test_a_bad_option_stops_the_start_with_one_line(options: list[str], said: str) -> None:
    command = [sys.executable, "-m", "booster.demosite", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and done.stdout == ""
    assert done.stderr.startswith("demosite: ") and done.stderr.count("\n") == 1
    assert any(part in done.stderr for part in said.split("|"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("[]", "not a list of videos"),
        ('[{"id": "No Slug", "title": "x"}]', "video 1: the id"),
        ('[{"id": "a", "title": ""}]', "video 1: no title"),
        ('[{"id": "a", "title": "x"}, {"id": "a", "title": "y"}]', "same id"),
        ('[{"id": "a", "title": "x", "views": -1}]', "views must be"),
    ],
)
def test_a_bad_catalogue_stops_the_start_and_says_where(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "videos.json").write_text(text)
    command = [sys.executable, "-m", "booster.demosite", "--videos", str(tmp_path / "videos.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_a_catalogue_of_ones_own_is_served(tmp_path: Path) -> None:
    rows = [{"id": "my-film", "title": "My <b>Film</b>", "views": 5, "scene": "sea"}]
    (tmp_path / "videos.json").write_text(json.dumps(rows))
    with DemoSite("--videos", str(tmp_path / "videos.json")) as site:
        assert site.views("my-film") == 5
        page = ask(site, "GET", "/videos/my-film").body
        assert b"My &lt;b&gt;Film&lt;/b&gt;" in page and b"<b>Film" not in page


def test_a_broken_state_file_stops_the_start_and_stays_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"format": 99}')
    command = [sys.executable, "-m", "booster.demosite", "--port", "0", "--state", str(state)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "cannot be used" in done.stderr and done.stderr.count("\n") == 1
    assert state.read_text() == '{"format": 99}'
