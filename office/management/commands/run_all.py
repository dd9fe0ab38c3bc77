"""manage.py run_all: the office, its consumer and the demo site, until Ctrl-C or SIGTERM."""

import os
import socket
import sys
import threading
import time
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from core.management.terminal import TerminalCommand
from office.management.commands.run_web import refuse_used_port
from office.programs import Programs, read_procfile


class Command(TerminalCommand):
    help = "Run the Procfile: web, consumer and demo site. One that ends stops the others."
    requires_system_checks = []  # each program makes its own

    def handle(self, *args, **options):
        for name in ("PORT", "DEMO_SITE_PORT"):
            refuse_used_port(name, getattr(settings, name))
        os.chdir(settings.BASE_DIR)  # the Procfile's commands start from there
        programs = Programs(read_procfile(settings.BASE_DIR / "Procfile"), environment())
        threading.Thread(target=announce, args=(programs,), daemon=True).start()
        if culprit := programs.run():
            raise CommandError(
                f"{culprit} ended, so everything was stopped; its last lines say why"
            )


def environment() -> dict[str, str]:
    """Ours, with the Procfile's settings and this Python first on PATH."""
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "PORT": str(settings.PORT),
        "DEMO_SITE_PORT": str(settings.DEMO_SITE_PORT),
        "DATA_DIR": str(settings.DATA_DIR),
    }


def announce(programs: Programs) -> None:
    """Once both sites accept connections, say where to go and how to log in."""
    for port in (settings.PORT, settings.DEMO_SITE_PORT):
        while not accepts(port):
            time.sleep(0.1)
    for line in (
        "",
        f"Booster Office   http://127.0.0.1:{settings.PORT}/admin/",
        "   log in as     admin, password of the first start (ADMIN_PASSWORD, else printed then)",
        f"Demo video site  http://127.0.0.1:{settings.DEMO_SITE_PORT}/",
        "",
    ):
        programs.say(line)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
