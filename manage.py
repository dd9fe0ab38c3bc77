#!/usr/bin/env python
"""Run the office's commands; a bad setting or a database that is down ends in one line, not in a
traceback."""

import os
import resource
import sys
from contextlib import suppress

MANY_FILES = 65_536


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - it is whoever runs it by hand that we tell
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"booster office: Python 3.11 or newer is needed, {sys.executable} is {found}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
    allow_many_files()
    try:
        import django  # noqa: F401
    except ModuleNotFoundError:
        sys.exit(
            f"booster office: {sys.executable} has no Django: say .venv/bin/python manage.py … "
            "(make run sets .venv up)"
        )
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from core.db.outages import DATABASE_ERRORS, in_words

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.stderr.write("booster office: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read along has seen enough: `manage.py doctor | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ImproperlyConfigured as error:
        sys.exit(f"booster office: {error}")
    except DATABASE_ERRORS as error:
        told = in_words(error)
        if "--traceback" in sys.argv or not told:
            raise
        sys.exit(f"booster office: {told}")


def allow_many_files() -> None:
    """Programs start with few, on many hosts; what they may have is for connections to sites and
    for people's live pages."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # some systems have a limit besides
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    main()
