"""The plugin for WordPress, run by PHP over HTTP, in several processes: over what it calls of
WordPress and no more (tests/real_sites/wordpress.php)."""

import http.client
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from booster import sites
from booster.calibrating import StageCalls
from core.models import Site, Status
from tests.base import placed
from tests.processes import folder
from tests.programs import needed
from tests.real_sites import make_database, php_site
from tests.rounds import deliver_to_the_end
from tests.targets import proved
from tests.test_sessions import rich
from tests.test_site_side import FOLDER, SITE_SIDE, TOKEN, asked

PLUGIN = SITE_SIDE / "wordpress" / "booster-office.php"
SCRIPT = Path(__file__).parent / "real_sites" / "wordpress.php"
REST = "/wp-json/booster-office/v1"
RECIPE = {
    "video_pattern": r"[?&]p=(\d+)",
    "count_path": f"{REST}/views/{{video_id}}",
    "count_json": "views",
    "play_path": f"{REST}/plays/{{video_id}}",
    "play_headers": [["Idempotency-Key", "{play_key}"]],
    "idempotent": True,
    "settle_seconds": 1,
}
HARBOUR, FRESH = 12, 14


class WordPress:
    """With the plugin active; post 12 has 41 views, and nobody has seen 14."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home = url, home
        self.port = urlsplit(url).port or 80

    def get(self, path: str) -> http.client.HTTPResponse:
        return asked(self.port, "GET", path)

    def json(self, path: str):
        return json.loads(self.get(path).content)

    def play(self, order: str, number: int, post: int = HARBOUR) -> http.client.HTTPResponse:
        named = {"X_Play_Order": order, "Idempotency_Key": f"{order}:{number}"}
        return asked(self.port, "POST", f"{REST}/plays/{post}", **named)

    def views(self, post: int = HARBOUR) -> int:
        return int(self.json(f"{REST}/views/{post}")["views"])

    def counted(self, order: str) -> dict[str, object]:
        return self.json(f"{FOLDER}/orders/{order}")

    def execute(self, query: str) -> None:
        with closing(sqlite3.connect(self.home / "db.sqlite3", timeout=20)) as database, database:
            database.execute(query)


@pytest.fixture(params=[0])
def wordpress(request) -> Iterator[WordPress]:
    """`param`: the ceiling in plays a second, 0 for none."""
    home = folder("wordpress")
    make_database(home / "db.sqlite3", views={HARBOUR: 41})
    with closing(sqlite3.connect(home / "db.sqlite3")) as database, database:
        database.execute("INSERT INTO wp_posts VALUES (?)", [FRESH])
    env = {
        "WORDPRESS": str(home),
        "PLUGIN": str(PLUGIN),
        "TOKEN": TOKEN,
        "RATE": str(request.param),
    }
    subprocess.run([needed("php"), SCRIPT], env=os.environ | env, check=True, capture_output=True)
    with php_site(SCRIPT.name, **env) as url:
        yield WordPress(url, home)


def test_the_token_stands_at_both_places_and_no_other_token_does(wordpress):
    for place in (f"/booster-office-{TOKEN}.txt", f"{FOLDER}.txt"):
        assert wordpress.get(place).content == TOKEN.encode()
    assert wordpress.get(f"/booster-office-{'0' * 32}.txt").status == 404
    assert wordpress.get(f"/.well-known/booster-office-{'0' * 32}/").status == 404


@pytest.mark.parametrize("post", [HARBOUR, FRESH])
def test_twenty_plays_at_once_all_count_and_each_once(wordpress, post):
    before = wordpress.views(post)

    def send(number: int) -> list[int]:
        first = wordpress.play("order-1", number, post)
        again = wordpress.play("order-1", number, post)
        return [first.status, again.status]

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(send, range(100))) == [[200, 200]] * 100
    assert wordpress.counted("order-1") == {"order": "order-1", "counted": 100}
    assert wordpress.views(post) == before + 100


def test_the_first_plays_of_posts_make_one_field_each(wordpress):
    """Two would be shown, and one of them may lack a play."""
    posts = range(100, 140)
    for post in posts:
        wordpress.execute(f"INSERT INTO wp_posts VALUES ({post})")
    plays = [(f"order-{post}", number, post) for post in posts for number in range(8)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda play: wordpress.play(*play).status, plays))
    assert set(answers) == {200}
    with closing(sqlite3.connect(wordpress.home / "db.sqlite3")) as database:
        found = database.execute(
            "SELECT post_id, meta_value FROM wp_postmeta WHERE post_id >= 100 ORDER BY post_id"
        )
        assert [(post, int(views)) for post, views in found] == [(post, 8) for post in posts]


def test_readings_count_nothing_and_no_cache_keeps_them(wordpress):
    before = wordpress.views()
    answer = wordpress.get(f"{REST}/views/{HARBOUR}")
    assert json.loads(answer.content) == {"views": before}
    assert answer.headers["Cache-Control"] == "no-store"
    assert wordpress.counted("never") == {"order": "never", "counted": 0}


def test_the_brake_stops_plays_and_no_reading(wordpress):
    brake = wordpress.home / "brake"
    assert wordpress.play("order-1", 1).status == 200
    brake.touch()
    time.sleep(2)
    with ThreadPoolExecutor(20) as pool:  # each of the processes
        refused = list(pool.map(lambda number: wordpress.play("order-1", number), range(2, 42)))
    assert {(one.status, one.headers["Retry-After"]) for one in refused} == {(503, "60")}
    assert wordpress.views() == 42
    brake.unlink()
    assert wordpress.play("order-1", 2).status == 200
    assert wordpress.counted("order-1")["counted"] == 2


@pytest.mark.parametrize("wordpress", [1], indirect=True)
def test_plays_beyond_the_ceiling_are_told_to_come_again(wordpress):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: wordpress.play("order-1", number), range(40)))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 429}
    assert {answer.headers["Retry-After"] for answer in answers if answer.status == 429} == {"1"}
    assert wordpress.counted("order-1")["counted"] == statuses.count(200)
    assert wordpress.json(f"{FOLDER}/")["policy"] == {"max_rate": 1}


@pytest.mark.parametrize("post", ["99", "harbour"])
def test_a_play_of_no_post_is_refused(wordpress, post):
    assert wordpress.play("order-1", 1, post).status in (400, 404)
    assert wordpress.counted("order-1")["counted"] == 0


def test_a_play_that_cannot_be_written_is_not_said_to_be_taken(wordpress):
    """A table is gone, or the database gave the transaction up."""
    wordpress.execute("DROP TABLE wp_booster_plays")
    assert wordpress.play("order-1", 1).status == 500
    assert wordpress.views() == 41


def test_what_the_database_does_not_say_is_not_said_to_be_nothing(wordpress):
    """An order of which nothing was counted is refunded."""
    assert wordpress.play("order-1", 1).status == 200
    wordpress.execute("ALTER TABLE wp_booster_plays RENAME TO away")
    assert wordpress.get(f"{FOLDER}/orders/order-1").status == 503
    wordpress.execute("ALTER TABLE away RENAME TO wp_booster_plays")
    assert wordpress.counted("order-1")["counted"] == 1


def test_the_office_finds_out_that_the_site_counts_by_order(wordpress):
    target = proved(wordpress.url)
    calls = StageCalls(target, sites.adapter("http", RECIPE), "12", "calibration-1", lambda: 0.0)
    assert calls.counts_by_order(TOKEN) is True
    assert calls.counts_by_order("0" * 32) is False


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_an_order_is_delivered_and_proved_by_its_number(office, wordpress, settings):
    settings.PRIVATE_SITES = (wordpress.url.removeprefix("http://"),)
    site = Site.objects.create(
        name="Blog",
        origin=wordpress.url,
        token=TOKEN,
        adapter="http",
        recipe=RECIPE,
        exact_proof=True,
        max_rate=200,
        max_connections=8,
    )
    order = placed(rich(), site, "12", count=100, price=1)
    deliver_to_the_end()
    order.refresh_from_db()
    assert (order.status, order.delivered) == (Status.COMPLETED, 100)
    assert wordpress.counted(order.oid)["counted"] == 100
    assert wordpress.views() == 141
