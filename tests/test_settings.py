"""A bad value of the environment stops the start with one line that names it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.warm import run_to_the_end

pytestmark = pytest.mark.slow  # each starts a program

ROOT = Path(__file__).resolve().parent.parent
NO_TEXT = os.fsdecode(b"x\xff")
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root acts for others")


def start(*program: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run_to_the_end([*program, "manage.py", "check"], env, timeout=60)


# Starts from where the modules are loaded and no setting is read, one after the other: loading them
# is nine tenths of a start that a setting stops.
STARTS = """
import json, os, sys, tempfile
import csp.constants, django.core.management
import core.db.outages, manage, office.environment, office.queue
assert "office.settings" not in sys.modules
sys.argv = ["manage.py", "check"]
for line in sys.stdin:
    told = tempfile.TemporaryFile()
    if os.fork() == 0:
        os.dup2(told.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.environ.update(json.loads(line))
        manage.main()
        sys.exit()
    code = os.waitstatus_to_exitcode(os.wait()[1])
    told.seek(0)
    print(json.dumps([code, told.read().decode()]), flush=True)
"""
Started = tuple[int, str]


@pytest.fixture(scope="module")
def start_with() -> Iterator[Callable[..., Started]]:
    """manage.py check with these settings: its exit status and what it told."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", STARTS], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
    ) as starts:

        def start_with(**env: str) -> Started:
            print(json.dumps(env), file=starts.stdin, flush=True)
            status, told = json.loads(starts.stdout.readline())
            return status, told

        yield start_with


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "70000"),
        ("DEMO_SITE_PORT", "٨٠٠١"),
        ("DEBUG", "maybe"),
        ("HTTPS", "2"),
        ("TIME_ZONE", "Mars/One"),
        ("TIME_ZONE", "/etc/passwd"),
        ("LANGUAGE_CODE", "xx"),
        ("DATABASE_URL", "mysql://localhost/office"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis+sentinel://s1:26379,s2:26379/mymaster/0"),
        ("REDIS_URL", "redis-cluster://r1:6379"),
        ("REDIS_URL", "redis://r1:6379,r2:6379/0"),
        ("DATABASE_URL", "postgresql://office@h1:x,h2/office"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgresql://"),
        ("DATABASE_URL", "postgresql://h/office?nonsense=1"),
        ("REDIS_URL", "redis://h/abc"),
        ("REDIS_URL", "redis://h?protocol=9"),
        ("DATABASE_URL", "timescale://h/office"),
        ("DATABASE_URL", "postgresql:/h/office"),
        ("DATABASE_URL", "sqlite:////nowhere/office.sqlite3"),
        ("DATABASE_URL", "sqlite:////usr"),
        ("REDIS_URL", "redis://h?decode_responses=true"),
        ("REDIS_URL", "redis://h?retry=3"),
        ("DATA_DIR", "/proc/office"),
        ("DATA_DIR", "~nobody-here/office"),
        ("PRIVATE_SITES", "10.0.0.0/99"),
        ("PRIVATE_SITES", "localhost"),
        ("PORTAL_LINK_HOURS", "soon"),
        ("LOG_FORMAT", "xml"),
        ("ALERT_EMAILS", "ops@example.com"),
        ("EMAIL_FROM", "office"),
        ("ALERT_WEBHOOK", "ops@example.com"),
        ("WEB_QUEUE", "0"),
        ("READING_DAYS", "-1"),
        ("READING_DAYS", "36501"),
        ("ADMIN_PASSWORD", NO_TEXT),
        ("SECRET_KEY", NO_TEXT),
        ("ALLOWED_HOSTS", NO_TEXT),
        ("ALLOWED_HOSTS", "https://office.example.com"),
        ("ALLOWED_HOSTS", "office.example.com:8000"),
        ("ALLOWED_HOSTS", "*.example.com"),
        ("ALERT_WEBHOOK", "https://hooks.example.com:port/"),
        ("EMAIL_URL", "mail.example.com"),
        ("EMAIL_URL", "smtp://mail.example.com:port"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_line(start_with, name, value):
    status, told = start_with(**{name: value})
    assert status == 1
    assert told.count("\n") == 1
    assert name in told
    assert "Traceback" not in told


@pytest.mark.parametrize("between", [";", "\n", " "])
def test_addresses_that_no_alert_would_reach_stop_the_start(start_with, between):
    both = f"Ops <ops@example.com>{between}boss@example.com"
    status, told = start_with(EMAIL_URL="smtp://mail.example.com", ALERT_EMAILS=both)
    assert (status, told.count("\n")) == (1, 1)
    assert "ALERT_EMAILS: " in told and "is no address" in told
    both = both.replace(between, ",") if between != " " else both.replace("> b", ">, b")
    assert start_with(EMAIL_URL="smtp://mail.example.com", ALERT_EMAILS=both)[0] == 0


def modes(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}


def test_a_data_folder_that_others_could_read_is_closed_with_all_in_it(tmp_path):
    (tmp_path / "imports").mkdir()
    for file in ("office.sqlite3", "secret_key", "imports/upload"):
        (tmp_path / file).write_text("x" * 40)
        (tmp_path / file).chmod(0o666)
    for folder in (tmp_path, tmp_path / "imports"):
        folder.chmod(0o777)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_text("")
    outside.chmod(0o666)
    (tmp_path / "link").symlink_to(outside)
    assert start(DATA_DIR=str(tmp_path)).returncode == 0
    found = modes(tmp_path)
    assert found.pop(str(tmp_path / "link")) == 0o666  # what it leads to is not the office's
    assert {path: mode for path, mode in found.items() if mode & 0o077} == {}


def test_what_an_office_writes_is_its_owners_alone(tmp_path):
    told = subprocess.run(
        [sys.executable, "manage.py", "migrate", "contenttypes"],  # the first tables are enough
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": ""},
        check=True,
        capture_output=True,
        text=True,
        umask=0,
    )
    assert "Applying contenttypes.0001_initial" in told.stdout
    found = modes(tmp_path / "data")
    assert str(tmp_path / "data" / "office.sqlite3") in found
    assert {path: mode for path, mode in found.items() if mode & 0o077} == {}


@pytest.mark.parametrize("folder", ["/", "/tmp", str(Path.home())])
def test_a_folder_of_more_than_the_office_is_refused_and_left_as_it_is(folder):
    before = Path(folder).stat().st_mode
    told = start(DATA_DIR=folder)
    assert told.returncode != 0
    assert (told.stderr.count("\n"), "DATA_DIR" in told.stderr) == (1, True)
    assert Path(folder).stat().st_mode == before


def test_a_folder_that_holds_other_things_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "ssh").mkdir()
    before = modes(tmp_path)
    told = start(DATA_DIR=str(tmp_path))
    assert "holds no other folders" in told.stderr
    assert (told.returncode, modes(tmp_path)) == (1, before)


def test_a_new_volume_is_taken(tmp_path):
    for name in ("lost+found", ".profile"):
        (tmp_path / name).mkdir()
    (tmp_path / "web.log").touch()
    assert start(DATA_DIR=str(tmp_path)).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of somebody else's")
def test_a_folder_of_somebody_elses_is_refused(tmp_path):
    os.chown(tmp_path, 1234, 1234)
    told = start(DATA_DIR=str(tmp_path))
    assert told.returncode != 0
    assert "name one that belongs to its user" in told.stderr


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="home-"))
    yield path
    shutil.rmtree(path)


def take(home: Path, account: int, **env: str) -> subprocess.CompletedProcess[str]:
    """As systemd has it: the account's home is the folder of the office. Its Python may be one that
    root alone can start."""
    os.chown(home, account, account)
    program = "import os, sys; from office.environment import *; "
    program += "os.setuid(int(sys.argv[1])); folder('DATA_DIR', Path())"
    return subprocess.run(
        [sys.executable, "-c", program, str(account)],
        cwd=ROOT,
        env=env or {"HOME": str(home), "DATA_DIR": str(home)},
        check=False,
        capture_output=True,
        text=True,
    )


@only_root
@pytest.mark.parametrize(("account", "is_taken"), [(998, True), (1998, False)])
def test_a_home_is_taken_of_a_systems_account_alone(home, account, is_taken):
    told = take(home, account)
    assert (told.returncode == 0) is is_taken, told.stderr
    assert is_taken or "is not a folder of this office alone" in told.stderr


@only_root
def test_an_account_without_a_home_needs_none(home):
    """As a container has that is started under a number."""
    assert take(home, 54321, DATA_DIR=str(home)).returncode == 0


@only_root
def test_what_root_left_in_the_folder_stops_no_start(home):
    for name in ("backup.sqlite3", "office.sqlite3"):
        (home / name).touch()
        (home / name).chmod(0o644)
    os.chown(home / "office.sqlite3", 998, 998)
    assert take(home, 998).returncode == 0
    assert modes(home) == {
        str(home): 0o700,
        str(home / "backup.sqlite3"): 0o644,
        str(home / "office.sqlite3"): 0o600,
    }


def test_the_line_end_of_an_environment_file_of_windows_is_no_part_of_a_password(tmp_path):
    code = "from office import settings; print(repr(settings.ADMIN_PASSWORD))"
    env = {"DATA_DIR": str(tmp_path), "ADMIN_PASSWORD": " Correct-horse 9 \r"}
    assert run_to_the_end(["-c", code], env).stdout == "' Correct-horse 9 '\n"


def test_the_secret_key_is_made_once_and_for_its_owner_only(tmp_path):
    assert start(DATA_DIR=str(tmp_path), SECRET_KEY="").returncode == 0
    kept = tmp_path / "secret_key"
    assert kept.stat().st_mode & 0o777 == 0o600
    secret = kept.read_text()
    assert len(secret) >= 32
    assert start(DATA_DIR=str(tmp_path), SECRET_KEY="").returncode == 0
    assert kept.read_text() == secret


@pytest.mark.parametrize("harm", ["a folder", "not text", "too short"])
def test_a_secret_key_that_cannot_be_read_stops_the_start_with_one_line(tmp_path, harm):
    kept = tmp_path / "secret_key"
    if harm == "a folder":
        kept.mkdir()
    else:
        kept.write_bytes(b"\xff" * 50 if harm == "not text" else b"short")
    told = start(DATA_DIR=str(tmp_path), SECRET_KEY="")
    assert told.returncode != 0
    assert told.stderr.startswith("booster office: SECRET_KEY is not set and ")
    assert told.stderr.count("\n") == 1


def test_a_secret_key_that_cannot_be_kept_stops_the_start_with_one_line(tmp_path):
    tmp_path.chmod(0o555)
    told = start("-m", "tests.unprivileged", DATA_DIR=str(tmp_path), SECRET_KEY="")
    tmp_path.chmod(0o755)
    assert told.returncode != 0
    assert told.stderr.startswith("booster office: SECRET_KEY is not set and cannot be kept in ")
    assert told.stderr.count("\n") == 1
