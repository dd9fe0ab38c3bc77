"""The package for the site's side, as an operator uses it: copied into a project of their own."""

import http.client
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from booster import sites
from booster.calibrating import StageCalls
from tests.nginx import nginx
from tests.processes import Process, free_port
from tests.sites import ROOT
from tests.targets import proved

pytestmark = pytest.mark.services  # a web server of the operator's

SITE_SIDE = ROOT / "booster" / "site_side"
TOKEN = "0123456789abcdef" * 2
FOLDER = f"/.well-known/booster-office-{TOKEN}"
AGENT = {"User-Agent": "BoosterOffice/1"}

SETTINGS = """
SECRET_KEY = "of a test"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["booster_office", "videos"]
MIDDLEWARE = ["booster_office.policy.PlayPolicy"]
ROOT_URLCONF = "urls"
USE_TZ = True
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
}}
CACHES = {"default": {
    "BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "cache",
}}
BOOSTER_OFFICE = {"token": "TOKEN", "policy": {"brake": "brake", "max_rate": 500}}
""".replace("TOKEN", TOKEN)
URLS = """
from django.http import JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from booster_office.counting import count_view
from videos.models import Video

@csrf_exempt
def play(request, name):
    counted = count_view(request, Video.objects.filter(name=name))
    return JsonResponse({"counted": counted})

def show(request, name):
    count_view(request, Video.objects.filter(name=name))  # the page that is read is a view
    return JsonResponse({"views": Video.objects.get(name=name).views})

urlpatterns = [
    path("", include("booster_office.urls")),
    path("videos/<str:name>", show),
    path("plays/<str:name>", play),
]
"""
MODELS = """
from django.db import models

class Video(models.Model):
    name = models.CharField(max_length=64, unique=True)
    views = models.PositiveBigIntegerField(default=0)
"""
RECIPE = {
    "video_pattern": r"^/videos/(\w+)$",
    "count_path": "/videos/{video_id}",
    "count_json": "views",
    "play_path": "/plays/{video_id}",
    "play_headers": [["Idempotency-Key", "{play_key}"]],
    "idempotent": True,
}


def asked(port: int, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
    """As the office asks; the body is its `content`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=AGENT | named)
    answer = connection.getresponse()
    answer.content = answer.read()
    connection.close()
    return answer


class OperatorsSite:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        shutil.copytree(SITE_SIDE / "django_app", folder / "booster_office")
        (folder / "videos").mkdir()
        for name, text in {
            "settings.py": SETTINGS,
            "urls.py": URLS,
            "videos/__init__.py": "",
            "videos/models.py": MODELS,
            "asgi.py": "from django.core.asgi import get_asgi_application\n"
            "application = get_asgi_application()\n",
        }.items():
            (folder / name).write_text(text)
        self.manage("migrate", "--run-syncdb", "-v0")
        self.manage(
            "shell", "-v0", "-c", "from videos.models import Video as V\nV(name='v').save()"
        )
        command = [sys.executable, "-m", "uvicorn", "asgi:application", "--port", str(self.port)]
        command += ["--workers", "2", "--log-level", "info", "--app-dir", "."]
        self.process = Process(
            command,
            name="operators-site",
            ready="Application startup complete",
            cwd=folder,
            env={"DJANGO_SETTINGS_MODULE": "settings"},
        )

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "django", *arguments, "--settings", "settings"]
        done = subprocess.run(
            [*command, "--pythonpath", "."], cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
        return asked(self.port, method, path, **headers)

    def play(self, order: str, number: int) -> http.client.HTTPResponse:
        key = f"{order}:{number}"
        return self.ask("POST", "/plays/v", X_Play_Order=order, Idempotency_Key=key)

    def json(self, path: str):
        return json.loads(self.ask("GET", path).content)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[OperatorsSite]:
    running = OperatorsSite(tmp_path_factory.mktemp("operator"))
    running.process.start()
    yield running
    running.process.kill()


def test_the_token_stands_at_both_places_and_no_other_token_does(site):
    for place in (f"/booster-office-{TOKEN}.txt", f"{FOLDER}.txt"):
        assert site.ask("GET", place).content == TOKEN.encode()
    assert site.ask("GET", f"/booster-office-{'0' * 32}.txt").status == 404
    assert site.ask("GET", f"/.well-known/booster-office-{'0' * 32}/").status == 404


def test_plays_at_once_over_two_processes_all_count_and_each_once(site):
    before = site.json("/videos/v")["views"]

    def send(thread: int) -> None:
        for number in range(20):
            assert site.play("order-1", thread * 20 + number).status == 200
            site.play("order-1", number)  # another thread's, again

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.json(f"{FOLDER}/orders/order-1") == {"order": "order-1", "counted": 160}
    assert site.json("/videos/v")["views"] == before + 160


def test_readings_of_the_office_do_not_count_and_visitors_do(site):
    before = site.json("/videos/v")["views"]
    assert site.json("/videos/v")["views"] == before
    assert site.ask("GET", "/videos/v", User_Agent="Mozilla/5.0").status == 200
    assert site.json("/videos/v")["views"] == before + 1
    assert site.json(f"{FOLDER}/orders/never") == {"order": "never", "counted": 0}


def test_the_brake_stops_the_next_play_and_no_visitor(site):
    brake = site.folder / "brake"
    assert site.json(f"{FOLDER}/")["policy"] == {"max_rate": 500, "braked": False}
    brake.touch()
    try:
        refused = site.play("order-2", 1)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "60")
        assert site.ask("GET", "/videos/v").status == 200
        assert site.json(f"{FOLDER}/")["policy"]["braked"]
    finally:
        brake.unlink()
    assert site.play("order-2", 1).status == 200
    assert site.json(f"{FOLDER}/orders/order-2")["counted"] == 1


def test_the_office_finds_out_that_the_site_counts_by_order(site):
    adapter = sites.adapter("http", RECIPE)
    target = proved(site.url)
    calls = StageCalls(target, adapter, "v", "calibration-1", lambda: 0.0)
    assert calls.counts_by_order(TOKEN) is True
    assert calls.counts_by_order("0" * 32) is False


@pytest.mark.parametrize(
    ("hours", "at", "seconds"),
    [
        *(("22:00-06:00", "23:00", 7 * 3600), ("22:00-06:00", "05:59", 60)),
        *(("22:00-06:00", "06:00", 0), ("09:00-17:00", "16:00", 3600)),
        ("09:00-17:00", "08:59", 0),
    ],
)
def test_quiet_hours_say_how_long_they_last(hours, at, seconds):
    from datetime import UTC, datetime

    from booster.site_side.django_app.policy import seconds_left

    now = datetime.fromisoformat(f"2026-03-02T{at}:00").replace(tzinfo=UTC)
    assert seconds_left(hours, now) == seconds


def test_nginx_shows_the_token_limits_plays_and_has_a_brake(tmp_path):
    port = free_port()
    brake = tmp_path / "brake"
    for name in ("booster-office.conf", "booster-office-http.conf"):
        text = (SITE_SIDE / "nginx" / name).read_text().replace("0" * 32, TOKEN)
        text = text.replace("/etc/nginx/booster-office.brake", str(brake))
        text = text.replace("~T(22|23|0[0-5]):", "~T99:")
        # What is taken at once is used up however slowly this machine asks.
        text = text.replace("rate=20r/s", "rate=20r/m")
        (tmp_path / name).write_text(text)
    tmp_path.chmod(0o755)
    server = nginx(
        f"include {tmp_path}/booster-office-http.conf;\n"
        f"server {{ listen 127.0.0.1:{port}; include {tmp_path}/booster-office.conf;\n"
        f"location / {{ empty_gif; }} }}",
        port,
    )

    def ask(path: str, **headers: str) -> http.client.HTTPResponse:
        return asked(port, "GET", path, **headers)

    with server:
        assert ask(f"/booster-office-{TOKEN}.txt").content == TOKEN.encode()
        assert ask(f"{FOLDER}.txt").content == TOKEN.encode()
        assert ask(f"/booster-office-{'1' * 32}.txt").status == 404
        statuses = [ask("/", X_Play_Order="order-1").status for _ in range(40)]
        assert 20 <= statuses.count(200) < 40
        assert set(statuses) == {200, 429}
        assert {ask("/").status for _ in range(40)} == {200}
        brake.touch()
        refused = ask("/", X_Play_Order="order-1")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "60")
        assert ask("/").status == 200
