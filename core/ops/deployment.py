"""Is this host fit for production? `doctor --deploy` looks at the clock, the way to the database,
limits, permissions, the proxy, mail, and the age of keys. It only looks; the mail server is greeted
and sent nothing."""

import os
import resource
import shutil
import smtplib
import stat
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.core.mail import get_connection
from django.db import connection
from django.utils import timezone

from core.db import clock as database_clock, poolers
from core.ops.doctor import Finding, Level, ask

# Seconds between this host's clock and the database's.
CLOCK_OFF, CLOCK_WRONG = 2.0, 60.0
# For sockets of viewers and connections to sites, with room to spare.
FILES_NEEDED = 4096
DISK_LOW, DISK_EMPTY = 2 << 30, 200 << 20
KEY_OLD_DAYS = 365
TOKEN_SHORT = 20
LOCAL = {"localhost", "127.0.0.1", "[::1]"}


def examine() -> list[Finding]:
    return [ask(check) for check in CHECKS]


def clock() -> Finding:
    """Leases use the database's clock; sessions, one-time codes and logs the host's."""
    before = timezone.now()
    off = abs((database_clock.now() - before).total_seconds())
    if off < CLOCK_OFF:
        return Finding("clock", Level.OK, "as the database's", off)
    level = Level.CRITICAL if off > CLOCK_WRONG else Level.WARNING
    return Finding("clock", level, f"{off:.0f} s off the database's: let NTP set it", off)


def pooler() -> Finding:
    if poolers.lends_sessions(connection):
        return Finding("pooler", Level.CRITICAL, poolers.REFUSED)
    return Finding("pooler", Level.OK, "each session of the database is one connection's own")


def open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES_NEEDED:
        return Finding("files", Level.OK, f"{soft} may be open", soft)
    text = f"{soft} may be open, {FILES_NEEDED} are needed: ulimit -n, or LimitNOFILE="
    return Finding("files", Level.WARNING, text, soft)


def disk() -> Finding:
    free = shutil.disk_usage(settings.DATA_DIR).free
    text = f"{free >> 20} MB are free for {settings.DATA_DIR}"
    level = Level.CRITICAL if free < DISK_EMPTY else Level.WARNING if free < DISK_LOW else Level.OK
    return Finding("disk", level, text, free)


def permissions() -> Finding:
    """Others may have opened the office's files since, or its user may have too many rights."""
    files = ("office.sqlite3", "queue.sqlite3", "secret_key", "imports")
    paths = [settings.DATA_DIR, *(settings.DATA_DIR / name for name in files)]
    wrong = [f"others may read {path}" for path in paths if _is_open(path)]
    if os.geteuid() == 0:
        wrong.append("the office runs as root: give it a user of its own")
    return _listed("permissions", wrong, "DATA_DIR is its owner's alone")


def _is_open(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except FileNotFoundError:
        return False


def proxy() -> Finding:
    """TLS, the office's names, and the proxies whose headers are believed."""
    wrong = []
    if not settings.HTTPS:
        wrong.append(
            "HTTPS is off: passwords travel in the clear, or a proxy's headers are ignored"
        )
    if not set(settings.ALLOWED_HOSTS) - LOCAL:
        wrong.append("ALLOWED_HOSTS names this machine alone")
    if "*" in settings.ALLOWED_HOSTS:
        wrong.append("ALLOWED_HOSTS is *: any name is believed")
    return _listed("proxy", wrong, "https, under names of its own")


def mail() -> Finding:
    """Greets the server, and logs in if a name is set."""
    if not settings.EMAIL_HOST:
        return Finding("mail", Level.WARNING, "EMAIL_URL is not set: links are shown for copying")
    try:
        server = get_connection("django.core.mail.backends.smtp.EmailBackend")
        server.open()
        server.close()
    except (OSError, smtplib.SMTPException) as error:
        text = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} cannot be used: {error}"
        return Finding("mail", Level.WARNING, text)
    if settings.DEFAULT_FROM_EMAIL.endswith("@localhost"):
        return Finding("mail", Level.WARNING, "EMAIL_FROM is not set: who answers writes to nobody")
    return Finding("mail", Level.OK, f"{settings.EMAIL_HOST} answers")


def keys() -> Finding:
    """The age of a SECRET_KEY from the environment is unknown."""
    wrong = []
    kept = settings.DATA_DIR / "secret_key"
    days = None
    if not os.environ.get("SECRET_KEY", "").strip() and kept.exists():
        days = (time.time() - kept.stat().st_mtime) / 86400
        if days > KEY_OLD_DAYS:
            wrong.append(f"the secret key is {days:.0f} days old: see Another secret key")
    if settings.SECRET_KEY_FALLBACKS:
        wrong.append("SECRET_KEY_FALLBACKS is set: remove it two weeks after the change")
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < TOKEN_SHORT:
        wrong.append("METRICS_TOKEN can be guessed: make it longer")
    told = "age unknown, it comes from the environment" if days is None else f"{days:.0f} days old"
    return _listed("keys", wrong, f"the secret key: {told}", days)


def private_sites() -> Finding:
    """The default allows the demo site, which `make run` needs."""
    local = [name for name in settings.PRIVATE_SITES if name.startswith(("127.", "localhost"))]
    wrong = [f"PRIVATE_SITES lets plays go to {name} on this very host" for name in local]
    return _listed("private", wrong, "plays go to no address of this host")


def django_checks() -> Finding:
    found = checks.run_checks(include_deployment_checks=True)
    told = [f"{one.id}: {one.msg}" for one in found if not one.is_silenced()]
    return _listed("django", told, "check --deploy finds nothing")


CHECKS: tuple[Callable[[], Finding], ...] = (
    *(clock, pooler, open_files, disk, permissions),
    *(proxy, mail, keys, private_sites, django_checks),
)


def _listed(check: str, wrong: list[str], right: str, value: float | None = None) -> Finding:
    if wrong:
        return Finding(check, Level.WARNING, "; ".join(wrong), value)
    return Finding(check, Level.OK, right, value)
