"""Lines of the log. A stranger's text, such as a login name or a site's answer, cannot move the
reader's cursor or look like a line of its own; and a lasting fault does not fill the log."""

import json
import logging
import re
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime

from core.reasons import printable

# Repeats within this time are counted, not written.
QUIET_SECONDS = 60.0
REMEMBERED = 1_000
# "order 12-1764390000000: …"
ORDER = re.compile(r"\border (\d[\w-]*)")

# Wrong hosts, forged forms and the like: a traceback shows no fault of our code.
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
    """One object a line: `time`, `level`, `logger`, `process`, `message`; also `order` (its number)
    and `exception` (a traceback) if there are any."""

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
    """Passes a repeated warning or error once a minute, with the number of repeats. Records are the
    same if they have the same text, or the same `extra={"cause": …}`: an outage shows in many
    texts."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        # By cause: until when it is quiet, and how many came since.
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
    # Django's own line about such an answer: our own line has told why. All wrong requests of
    # strangers are one cause, whatever their addresses.
    if record.name == "django.request" and (status == 503 or 400 <= status < 500):
        return str(status)
    if record.name.startswith(BY_STRANGERS):
        return BY_STRANGERS
    return str(getattr(record, "cause", "")) or record.getMessage()
