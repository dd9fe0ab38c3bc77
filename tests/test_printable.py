"""What strangers write, in the reasons, the log and the terminals of the office: shown as text,
never obeyed."""

import io
import logging
import pkgutil
from importlib import import_module

from core.management import commands
from core.management.terminal import TerminalCommand
from core.models import Customer
from core.reasons import Code, Reason, in_english, printable, reason_columns
from office.logs import LineFormatter

HOSTILE = "a\x1b[2J\rb\x07\x9b31m\u202ec\ud800"
WRITTEN = "a\\x1b[2J\\rb\\x07\\x9b31m\\u202ec\\ud800"


def test_control_characters_are_written_out_and_languages_stay():
    assert printable(HOSTILE) == WRITTEN
    for text in ("李雷　城市航拍", "crème brûlée", "👩‍🚀", "two\nlines\tand a tab"):
        assert printable(text) == text


def test_no_reason_holds_a_control_character():
    reason = Reason.of(Code.RIGHT_LOST, who=HOSTILE)
    assert reason.params["who"] == WRITTEN
    assert WRITTEN in in_english(Reason(Code.RIGHT_LOST, {"who": HOSTILE}))  # kept before
    assert reason_columns(HOSTILE)["reason"] == WRITTEN
    assert in_english(HOSTILE) == WRITTEN


def test_a_line_of_the_log_is_one_line_and_moves_no_cursor():
    forged = f"{HOSTILE}\n2026-01-01 INFO core [1] all is well"
    record = logging.LogRecord("core", logging.INFO, "", 0, "login of %s", (forged,), None)
    first, second = LineFormatter("%(levelname)s %(message)s").format(record).split("\n")
    assert first == f"INFO login of {WRITTEN}"
    assert second.startswith("    2026-01-01")


def test_a_command_prints_names_as_text(db):
    class Greeting(TerminalCommand):
        def handle(self, **options: object) -> None:
            self.stdout.write(HOSTILE)
            self.stderr.write(HOSTILE)

    out, err = io.StringIO(), io.StringIO()
    command = Greeting(stdout=out, stderr=err, no_color=True)
    command.handle()
    assert out.getvalue() == err.getvalue() == f"{WRITTEN}\n"


def test_check_ledger_prints_a_customers_name_as_text(office):
    Customer.objects.create(username="a\x1b[2J")
    Customer.objects.update(balance=11)
    told = office.manage("check_ledger", check=False)
    assert "a\\x1b[2J: balance 11.00" in told.stderr
    assert "\x1b" not in told.stderr


def test_every_command_prints_so():
    names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    assert len(names) >= 8
    for name in names:
        module = import_module(f"{commands.__name__}.{name}")
        assert issubclass(module.Command, TerminalCommand), name
