"""A bad value of the environment stops the start with one line that names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each starts a program

ROOT = Path(__file__).resolve().parent.parent


def start(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


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
        ("DATA_DIR", "/proc/office"),
        ("PRIVATE_SITES", "10.0.0.0/99"),
        ("PRIVATE_SITES", "localhost"),
        ("PORTAL_LINK_HOURS", "soon"),
        ("EMAIL_URL", "mail.example.com"),
        ("EMAIL_URL", "smtp://mail.example.com:port"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_line(name, value):
    told = start(**{name: value})
    assert told.returncode != 0
    assert told.stderr.count("\n") == 1
    assert name in told.stderr
    assert "Traceback" not in told.stderr


def test_the_secret_key_is_made_once_and_for_its_owner_only(tmp_path):
    assert start(DATA_DIR=str(tmp_path), SECRET_KEY="").returncode == 0
    kept = tmp_path / "secret_key"
    assert kept.stat().st_mode & 0o777 == 0o600
    secret = kept.read_text()
    assert len(secret) >= 32
    assert start(DATA_DIR=str(tmp_path), SECRET_KEY="").returncode == 0
    assert kept.read_text() == secret
