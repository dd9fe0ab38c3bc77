"""What is typed behind a command and cannot be meant ends it with a sentence, and not with a
traceback: numbers out of bounds, and text that is none."""

import os

import pytest
from django.core.management import CommandError, call_command, load_command_class

from core.management.terminal import TerminalCommand
from core.models import ImportJob, Order, Site

NO_TEXT = os.fsdecode(b"er\xff")
VIDEO = "https://videos.example.com/videos/1"
OURS = {
    "core": (
        *("check_ledger", "demo_data", "doctor", "import_customers", "init_office", "migrate"),
        *("place_order", "sweep", "verify_site"),
    ),
    "office": ("run_all", "run_web"),
}


@pytest.fixture(autouse=True)
def starts_nothing(monkeypatch):
    def fail(*_program: object, **_options: object) -> None:
        raise AssertionError("it was started")

    monkeypatch.setattr(os, "execv", fail)
    monkeypatch.setattr("huey.contrib.djhuey.HUEY.create_consumer", fail)


def told(*words: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command(*words)
    text = str(refused.value)
    assert "\n" not in text and len(text) < 200
    text.encode()
    return text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run_web", "--port", "99999"), "--port: from 1 to 65535, not 99999"),
        (("run_web", "--port", "0"), "--port: from 1 to 65535, not 0"),
        (("run_web", "--port", "-1"), "--port: from 1 to 65535, not -1"),
        (("run_web", "--processes", "0"), "--processes: from 1 to 100, not 0"),
        (("run_web", "--processes", "-2"), "--processes: from 1 to 100, not -2"),
        (("run_web", "--processes", "101"), "--processes: from 1 to 100, not 101"),
        (("run_web", "--host", "x" * 70), "--host: there is no such address"),
        (("run_huey", "-w", "0"), "--workers: from 1 to 100 processes, not 0"),
        (("run_huey", "-s", "-5"), "The scheduler must run"),
        (("run_huey", "-b", "0"), "The backoff must be at least 1."),
        (("run_huey", "-d", "-1"), "--delay: not below 0"),
        (("run_huey", "-m", "nan"), "--max-delay: not below 0"),
        (("run_huey", "-t", "-1"), "--shutdown-timeout: not below 0"),
        (("run_huey", "-M", "-1"), "--max-tasks: not below 0"),
    ],
)
def test_a_number_out_of_bounds_is_refused_with_them(words, sentence):
    assert told(*words).startswith(sentence)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("place_order", NO_TEXT, VIDEO, "10000"), "username"),
        (("place_order", "erin", NO_TEXT, "10000"), "url"),
        (("place_order", "erin", VIDEO, "10000", "--memo", NO_TEXT), "memo"),
        (("place_order", "erin", VIDEO, "10000", "--start", NO_TEXT), "start"),
        (("verify_site", NO_TEXT), "name"),
        (("import_customers", NO_TEXT), "file"),
        (("import_customers", "/dev/null", "--by", NO_TEXT), "by"),
        (("run_web", "--host", NO_TEXT), "host"),
        (("migrate", NO_TEXT), "app_label"),
    ],
)
def test_bytes_that_are_no_text_are_refused_by_commands(db, words, name):
    assert told(*words) == f"{name}: this is no text in UTF-8"
    assert not Order.objects.exists()
    assert not ImportJob.objects.exists()


def test_every_command_that_takes_text_refuses_them():
    for app, names in OURS.items():
        for name in names:
            assert isinstance(load_command_class(app, name), TerminalCommand), name


def test_an_import_by_nobody_in_particular_is_refused_and_not_the_offices_own(db, tmp_path):
    """An empty variable of a script: it would have had every right."""
    (tmp_path / "customers.csv").write_text("username\njudy\n")
    assert told("import_customers", str(tmp_path / "customers.csv"), "--by", "") == (
        "--by: there is no administrator ''"
    )
    assert not ImportJob.objects.exists()


def test_a_folder_that_the_demo_site_cannot_have_is_told_in_one_line(db, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    (tmp_path / "demosite").touch()
    assert told("demo_data") == f"{tmp_path}/demosite/public: Not a directory"
    assert not Site.objects.exists()
