"""Lines of the log. Law: what a stranger sent, a name in a login or a site's answer, neither moves
the cursor of whoever reads the log nor looks like a line of its own; and what stays broken does not
fill it.
"""

import json
import logging
import re
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime

from core.reasons import printable

# The same again within this time is counted, not written.
QUIET_SECONDS = 60.0
REMEMBERED = 1_000
# "order 12-1764390000000: …"
ORDER = re.compile(r"\border (\d[\w-]*)")

# Hosts that are not ours, forged forms and their kind: a traceback finds no fault of our code.
BY_STRANGERS = "django.security."


def moment_of(record: logging.LogRecord) -> str:
    """In UTC, with its offset: hosts and people are in different zones."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(sep=" ", timespec="milliseconds")


class LineFormatter(logging.Formatter):
    """Further lines of a record are indented."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return moment_of(record)

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record)).replace("\n", "\n    ")


class JSONFormatter(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `process`, `message`; `order`, the number of
    the order that it is about; `exception`, a traceback. Both only where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        line = {
            "time": moment_of(record),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": printable(message),
        }
        if found := ORDER.search(message):
            line["order"] = found[1]
        if record.exc_info:
            line["exception"] = printable(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class RepeatFilter(logging.Filter):
    """Passes a warning or an error once a minute, however often it comes, and then says how often
    it came meanwhile. The same is what has the same text, or was logged with `extra={"cause": …}`
    of the same: an outage shows in many texts."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        # Cause -> until when it is quiet, and how often it came since.
        self._seen: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        cause = (record.name, cause_of(record))
        now = time.monotonic()
        with self._lock:
            quiet_until, count = self._seen.pop(cause, (0.0, 0))
            if now < quiet_until:
                self._seen[cause] = [quiet_until, count + 1]
                return False
            self._seen[cause] = [now + QUIET_SECONDS, 0]
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        if count:
            record.msg = f"{record.getMessage()} ({count:.0f} more like this since)"
            record.args = ()
        if record.name.startswith(BY_STRANGERS):
            record.exc_info = None
        return True


def cause_of(record: logging.LogRecord) -> str:
    status = getattr(record, "status_code", 0)
    # Django's own line about each answer that says so: who logged why has said it. What a stranger
    # asks for wrongly is one cause, whatever the addresses and names in it.
    if record.name == "django.request" and (status == 503 or 400 <= status < 500):
        return str(status)
    if record.name.startswith(BY_STRANGERS):
        return BY_STRANGERS
    return str(getattr(record, "cause", "")) or record.getMessage()
