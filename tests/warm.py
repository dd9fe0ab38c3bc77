"""Programs of the office that start in a third of the time: each is a fork of one process that has
loaded the libraries, taken where `python manage.py …` begins to read its environment.

Law: nothing that reads a setting is loaded before the fork, so that a program is what it would be.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent
# What the office's programs load, and what needs no setting.
LIBRARIES = (
    *("csp.constants", "django.core.management.commands.migrate", "django.contrib.postgres.fields"),
    *("django.contrib.staticfiles.finders", "django.core.mail", "django.db.backends.sqlite3.base"),
    *("django.db.models", "django.forms", "django.http", "django.template.defaulttags"),
    *("django.views.generic.base", "channels.routing", "channels.sessions", "dns.resolver"),
    *("huey.api", "huey.consumer", "import_export.resources", "openpyxl", "prometheus_client"),
    *("psycopg", "pygal", "redis", "requests", "segno", "simpleui.admin", "tablib", "uvicorn.main"),
    *("h11", "uvicorn.protocols.http.h11_impl", "uvloop", "websockets"),
    *("whitenoise.middleware", "yaml"),
    *("axes", "csp.middleware", "dj_database_url", "django_otp.oath", "django_otp.qr", "regex"),
    *("django.contrib.admin.templatetags.admin_list", "django.contrib.admin.views.main"),
    *("django.contrib.auth.password_validation", "django.contrib.auth.validators"),
    *("django.contrib.messages.middleware", "django.contrib.sessions.middleware"),
    *("django.contrib.staticfiles.apps", "django.core.cache.backends.locmem"),
    *("django.core.handlers.asgi", "django.core.management.commands.makemigrations"),
    *("django.middleware.common", "django.middleware.gzip", "django.middleware.locale"),
    *("django.middleware.security", "django.template.loader_tags", "django.views.debug"),
    *("import_export.forms", "import_export.mixins", "import_export.tmp_storages"),
    *("tablib.formats._html", "tablib.formats._xlsx", "tablib.formats._yaml"),
)
# And of the office itself: what holds rules and tables, and nothing of the process that loads it.
# Not booster.engine, which asks how many files may be open.
OURS = (
    *("booster.net.client", "booster.pacing", "booster.proof.calibration", "booster.sites.sample"),
    *("booster.sites.trial", "core.db.lookups", "core.db.tables", "core.exporting.workbooks"),
    *("core.importing.columns", "core.importing.detection", "core.importing.rows"),
    *("core.importing.workbooks", "core.money", "core.pages.dashboard.charts"),
    *("core.pages.week_drawing", "core.permissions", "core.reasons"),
)
MOST_BYTES = 1 << 18
PR_SET_PDEATHSIG = 1
NUMBER = struct.Struct("i")


class WarmProcess:
    """What subprocess.Popen offers of a program that was forked so."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        stdout: BinaryIO,
        stderr: BinaryIO,
        env: Mapping[str, str],
        cwd: Path | None = None,
    ) -> None:
        self.args = list(args)
        self.returncode: int | None = None
        self._told, told = os.pipe()
        request = json.dumps([self.args, dict(env), str(cwd or Path.cwd())]).encode()
        files = [stdout.fileno(), stderr.fileno(), told]
        socket.send_fds(starter(), [request], files)
        os.close(told)
        (self.pid,) = NUMBER.unpack(os.read(self._told, NUMBER.size))
        os.set_blocking(self._told, False)

    def poll(self) -> int | None:
        if self.returncode is None:
            with suppress(BlockingIOError):
                # Nothing: whoever would tell has ended, and the program with it.
                told = os.read(self._told, NUMBER.size) or NUMBER.pack(-signal.SIGKILL)
                (self.returncode,) = NUMBER.unpack(told)
                os.close(self._told)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.poll() is None and select.select([self._told], [], [], timeout)[0]:
            self.poll()
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode

    def kill(self) -> None:
        """With all that it started; nothing happens where it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()


def run_to_the_end(
    args: Sequence[str], env: Mapping[str, str], *, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """`env` is added to our own."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = WarmProcess(args, stdout=out, stderr=errors, env={**os.environ, **env}, cwd=ROOT)
        try:
            process.wait(timeout)
        finally:
            process.kill()
        told = [file.seek(0) or file.read().decode() for file in (out, errors)]
    return subprocess.CompletedProcess(args, process.returncode or 0, *told)


@functools.cache
def starter() -> socket.socket:
    """Where the process that is forked takes requests; it ends with us."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.warm"],
        stdin=its,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        process_group=0,
    )
    its.close()
    atexit.register(program.wait)
    atexit.register(ours.close)
    return ours


# In the process that is forked


class Starter:
    def __init__(self, requests: socket.socket) -> None:
        self.requests = requests
        self.children: dict[int, int] = {}  # to whom the end of each is told
        self.woken, wake = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(wake, False)
        self.wake = wake
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def next_program(self) -> list[str]:
        """Its arguments, in its own process."""
        while True:
            ready, _, _ = select.select([self.requests, self.woken], [], [])
            if self.woken in ready:
                self._reap()
            if self.requests in ready:
                request, files, _, _ = socket.recv_fds(self.requests, MOST_BYTES, 3)
                if not request:
                    os._exit(0)
                args, env, cwd = json.loads(request)
                pid = os.fork()
                if pid == 0:
                    self._become(files, env, cwd)
                    return args
                # Both do it, whoever comes first: its group is there as soon as its number is told.
                with suppress(OSError):
                    os.setpgid(pid, pid)
                *outputs, told = files
                for output in outputs:
                    os.close(output)
                self.children[pid] = told
                os.write(told, NUMBER.pack(pid))

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self.woken, 1 << 12)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                told = self.children.pop(ended[0])
                with suppress(BrokenPipeError):
                    os.write(told, NUMBER.pack(os.waitstatus_to_exitcode(ended[1])))
                os.close(told)

    def _become(self, files: list[int], env: dict[str, str], cwd: str) -> None:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (*self.children.values(), self.woken, self.wake, files[2]):
            os.close(number)
        self.requests.close()
        streams = (os.open(os.devnull, os.O_RDONLY), *files[:2])
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)


def run(args: list[str]) -> None:
    """As `python *args`, of which the first is a file, -m or -c."""
    if args[0] == "-m":
        sys.argv = args[1:]
        runpy.run_module(args[1], run_name="__main__", alter_sys=True)
    elif args[0] == "-c":
        sys.argv = ["-c", *args[2:]]
        exec(args[1], {"__name__": "__main__"})
    else:
        sys.argv = args
        runpy.run_path(args[0], run_name="__main__")


def main() -> None:
    for name in (*LIBRARIES, *OURS):
        importlib.import_module(name)
    assert not {"booster.engine", "office.settings"}.intersection(sys.modules)
    gc.collect()
    gc.freeze()
    requests = socket.socket(fileno=os.dup(0))
    run(Starter(requests).next_program())


if __name__ == "__main__":
    main()
