"""manage.py run_web: the web server. Only this has Uvicorn's options; the Procfile, services and
containers call it."""

import os
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from core.management.terminal import TerminalCommand
from office.environment import MOST_PORT, MOST_PROCESSES

OPTIONS = (
    *("--lifespan", "off"),
    "--no-proxy-headers",  # office/proxies.py reads them
    # httptools keeps an endless head and holds every page while it grows.
    *("--http", "h11", "--h11-max-incomplete-event-size", "65536"),
    *("--no-access-log", "--log-level", "warning"),
    # For pages; sockets and polls end at once.
    *("--timeout-graceful-shutdown", "10"),
    # Pings and compression of thousands of idle pages would cost more than everything else.
    *("--ws-max-size", "65536", "--ws-ping-interval", "300", "--ws-ping-timeout", "60"),
    *("--ws-per-message-deflate", "false"),
    # A busy process must not be killed.
    *("--timeout-worker-healthcheck", "30"),
)


class Command(TerminalCommand):
    help = "Serve pages and live changes by WEB_CONCURRENCY processes, until SIGTERM."
    requires_system_checks = []  # the server's processes check for themselves

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
        parser.add_argument("--port", type=int, default=settings.PORT, help="else PORT")
        parser.add_argument(
            "--processes", type=int, default=settings.WEB_CONCURRENCY, help="else WEB_CONCURRENCY"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port, processes = options["host"], options["port"], options["processes"]
        for name, most in (("port", MOST_PORT), ("processes", MOST_PROCESSES)):
            if not 1 <= options[name] <= most:
                raise CommandError(f"--{name}: from 1 to {most}, not {options[name]}")
        refuse_used_port("PORT", port, host)
        # Finds the office from any current folder.
        program = [sys.executable, "-m", "uvicorn", "office.asgi:application"]
        program += ["--app-dir", str(settings.BASE_DIR)]
        where = ["--host", host, "--port", str(port), "--workers", str(processes)]
        # Replaces this process, so that signals reach the server.
        os.execv(sys.executable, [*program, *where, *OPTIONS])  # noqa: S606


def refuse_used_port(name: str, port: int, host: str = "127.0.0.1") -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # A socket in TIME_WAIT of a server that has just ended does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except UnicodeError as error:  # by the rules for host names
        raise CommandError("--host: there is no such address") from error
    except OSError as error:
        where = f"{name}={port}" if host == "127.0.0.1" else f"{host}, {name}={port},"
        raise CommandError(f"{where} cannot be used ({error.strerror}): choose another") from error
