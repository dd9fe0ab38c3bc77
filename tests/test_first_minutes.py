"""What goes wrong in somebody's first five minutes ends in one line that says what to do; and
doctor --deploy says what a production host lacks."""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import override_settings

from core.db import clock
from core.ops import deployment
from core.ops.doctor import Level
from tests.office import ROOT
from tests.processes import Process, free_port
from tests.test_settings import start

SQLITE = {"DATABASE_URL": "", "SECRET_KEY": "k" * 50}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["folder", "database"])
def test_a_data_folder_that_is_read_only_is_named_in_one_line(tmp_path, what):
    database = tmp_path / "office.sqlite3"
    database.write_bytes(b"")
    (tmp_path if what == "folder" else database).chmod(0o500 if what == "folder" else 0o400)
    told = start("-m", "tests.unprivileged", DATA_DIR=str(tmp_path), **SQLITE)
    tmp_path.chmod(0o700)
    assert told.returncode == 1
    where = tmp_path if what == "folder" else database
    assert told.stderr == (
        f"booster office: DATA_DIR: {where} cannot be written to: read-only, or somebody else's\n"
    )


def run_manage(tmp_path: Path, prelude: str) -> subprocess.CompletedProcess[str]:
    """manage.py in an interpreter that `prelude` has made another one."""
    code = f"import runpy, sys\n{prelude}\nrunpy.run_path('manage.py', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_python_that_is_too_old_is_told_so_in_one_line(tmp_path):
    told = run_manage(tmp_path, "sys.version_info = (3, 9, 2, 'final', 0)")
    assert told.returncode == 1
    assert told.stderr.startswith("booster office: Python 3.11 or newer is needed, ")
    assert told.stderr.endswith(" is 3.9.2\n") and told.stderr.count("\n") == 1


def test_a_python_without_django_is_told_in_one_line(tmp_path):
    told = run_manage(tmp_path, "sys.modules['django'] = None")
    assert told.returncode == 1
    assert "has no Django" in told.stderr and told.stderr.count("\n") == 1


def test_an_interrupted_command_ends_in_one_line(tmp_path):
    # A shell has what it starts in the background ignore SIGINT, this test as well.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; import time; print('at work', flush=True); time.sleep(60)"
    command = Process(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        ready="at work",
        cwd=ROOT,
        env={"DATA_DIR": str(tmp_path)},
    ).start()
    assert command.terminate(signum=signal.SIGINT) == 130
    assert command.log() == "at work\nbooster office: interrupted\n"


def test_manage_can_be_read_by_pythons_that_are_too_old():
    import ast

    ast.parse((ROOT / "manage.py").read_text(), feature_version=(3, 7))


@pytest.mark.slow
def test_make_without_a_network_says_so_in_one_line(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".made").touch()
    (tmp_path / ".venv" / "bin").mkdir()
    python = tmp_path / ".venv" / "bin" / "python"
    # An environment of its own is made in seconds; what it cannot do shows at once.
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    nowhere = {"PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/simple", "PIP_RETRIES": "0"}
    told = subprocess.run(
        ["make", ".venv/.run"],
        cwd=tmp_path,
        env={**os.environ, **nowhere, "PIP_FIND_LINKS": "", "PIP_TARGET": str(tmp_path / "to")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode != 0
    lines = [line for line in told.stderr.splitlines() if not line.startswith("make")]
    assert lines == [
        "The packages of requirements.lock cannot be installed; is there a network? "
        ".venv/install.log says more"
    ]
    assert "ERROR" in (tmp_path / ".venv" / "install.log").read_text()


# --- doctor --deploy


def test_a_clock_that_is_off_the_databases_is_told(db, monkeypatch):
    assert deployment.clock().level == Level.OK
    right = clock.now
    for off, level in ((5, Level.WARNING), (3600, Level.CRITICAL)):
        monkeypatch.setattr(clock, "now", lambda off=off: right() + timedelta(seconds=off))
        assert deployment.clock().level == level


def test_too_few_open_files_are_told(monkeypatch):
    for limit, level in ((1024, Level.WARNING), (65536, Level.OK)):
        monkeypatch.setattr(deployment.resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert deployment.open_files().level == level


def test_a_file_that_others_may_read_is_named(tmp_path):
    tmp_path.chmod(0o700)
    kept = tmp_path / "secret_key"
    kept.write_text("x")
    with override_settings(DATA_DIR=tmp_path):
        kept.chmod(0o600)
        assert "secret_key" not in deployment.permissions().text
        kept.chmod(0o644)
        assert f"others may read {kept}" in deployment.permissions().text


def test_what_stands_before_the_web_is_looked_at():
    with override_settings(HTTPS=True, ALLOWED_HOSTS=["office.example.com"]):
        assert deployment.proxy().level == Level.OK
    with override_settings(HTTPS=False, ALLOWED_HOSTS=["*"]):
        text = deployment.proxy().text
    assert "HTTPS is off" in text and "ALLOWED_HOSTS is *" in text


def test_a_mail_server_that_does_not_answer_is_told():
    assert "EMAIL_URL is not set" in deployment.mail().text
    with override_settings(EMAIL_HOST="127.0.0.1", EMAIL_PORT=free_port()):
        finding = deployment.mail()
    assert (finding.level, "cannot be used" in finding.text) == (Level.WARNING, True)


def test_an_old_key_a_forgotten_fallback_and_a_short_token_are_told(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    kept = tmp_path / "secret_key"
    kept.write_text("x" * 50)
    with override_settings(DATA_DIR=tmp_path, SECRET_KEY_FALLBACKS=[], METRICS_TOKEN=""):
        assert deployment.keys().level == Level.OK
        old = kept.stat().st_mtime - 400 * 86400
        os.utime(kept, (old, old))
        assert "400 days old" in deployment.keys().text
    with override_settings(SECRET_KEY_FALLBACKS=["former"], METRICS_TOKEN="short"):
        text = deployment.keys().text
    assert "SECRET_KEY_FALLBACKS" in text and "METRICS_TOKEN" in text


def test_the_command_looks_at_the_host_and_ends_with_its_worst(new_office):
    office = new_office("sqlite")
    done = office.manage("doctor", "--deploy", "--json", check=False)
    told = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert len(told) == len(deployment.CHECKS)
    assert told["proxy"]["level"] == "warning"
    assert told["clock"]["level"] == "ok"
    assert done.returncode in (1, 2)


DESK = "'core.admin.site' in sys.modules"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "has_desk"),
    [("import booster.tasks, core.tasks", False), ("import office.asgi", True)],
    ids=["consumer", "web"],
)
def test_only_the_web_loads_the_desk(tmp_path, program, has_desk):
    """And before its first page: a poll may come first, whose sources come with it."""
    code = f"import django, sys; django.setup(); {program}; print({DESK})"
    env = {"DJANGO_SETTINGS_MODULE": "office.settings", "DATA_DIR": str(tmp_path)}
    told = start("-c", code, **env, **SQLITE)
    # Where that takes long, it begins to tell its figures meanwhile, and there is no database.
    said = [line for line in told.stderr.splitlines() if "no such table" not in line]
    assert (said, told.stdout.split()) == ([], [str(has_desk)])
