"""Programs of the tests: started, watched, frozen and really killed.

Law: nothing a test starts outlives the test run, however that ends.
"""

import atexit
import ctypes
import functools
import os
import pwd
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

import psutil
import pytest

from tests.warm import WarmProcess

# Below the ports that systems hand to outgoing connections (Linux: from 32768): while a server is
# down nobody else gets its port, and no client can connect to itself by chance.
PORTS = range(20000, 32000)
# PostgreSQL refuses to run as root; then one of these users runs it.
UNPRIVILEGED = ("nobody", "postgres")
MEMORY, PLENTY = Path("/dev/shm"), 1 << 30
POLL = 0.02
TAIL_LINES = 40
PR_SET_PDEATHSIG = 1


class ServiceError(Exception):
    """A program could not be found, did not get ready or did not stop; the text ends in its log."""


class Process:
    """One program in a process group of its own, its output in a log file.

    `ready` says when start() returns: as soon as that port accepts connections (int) or that text
    stands in the log (str); None: at once. `env` is added to the test's own environment. `inside`
    stands before the command, and leads it into another machine (tests/machines.py). `warm`: it is
    Python with the office's libraries, and starts as tests/warm.py has it.
    Linux ends the program with the thread that started it, so start programs that outlive a test
    in the main thread.
    """

    def __init__(
        self,
        args: Sequence[str | Path],
        *,
        name: str = "",
        ready: int | str | None = None,
        timeout: float = 90,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        account: pwd.struct_passwd | None = None,
        inside: Sequence[str] = (),
        warm: bool = False,
    ) -> None:
        self.args = [str(arg) for arg in args]
        self.name = name or Path(self.args[0]).name
        if inside:
            # Only root enters; the account is put on within, and then "dies with us" anew.
            self.args = [*inside, *as_account(account), *self.args]
            account = None
        self.ready = ready
        self.timeout = timeout
        self.env = {"PYTHONUNBUFFERED": "1", **(env or {})}
        self.cwd = cwd
        self.account = account
        self.warm = warm and not inside
        self.log_file = folder(self.name) / "log"
        self.popen: subprocess.Popen[bytes] | WarmProcess | None = None
        self.seen = 0  # length of the log when this start began

    def start(self) -> Self:
        if self.running:
            raise ServiceError(f"{self.name} is already running")
        self.log_file.touch()
        self.seen = self.log_file.stat().st_size
        with self.log_file.open("ab") as log:
            self.popen = self._popen(log)
        if self not in started:
            started.append(self)
        if isinstance(self.ready, int):
            self.wait_until(functools.partial(is_open, self.ready), f"open port {self.ready}")
        elif self.ready is not None:
            self.wait_for_line(self.ready)
        return self

    def _popen(self, log: BinaryIO) -> subprocess.Popen[bytes] | WarmProcess:
        account, env = self.account, {**os.environ, **self.env}
        if self.warm:
            return WarmProcess(self.args[1:], stdout=log, stderr=log, env=env, cwd=self.cwd)
        return subprocess.Popen(
            self.args,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=self.cwd,
            process_group=0,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=die_with_parent,
        )

    @property
    def running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    @property
    def pid(self) -> int:
        if self.popen is None:
            raise ServiceError(f"{self.name} was never started")
        return self.popen.pid

    @property
    def returncode(self) -> int | None:
        return self.popen.poll() if self.popen else None

    def log(self) -> str:
        """What the program wrote since its last start."""
        with self.log_file.open("rb") as file:
            file.seek(self.seen)
            return file.read().decode(errors="replace")

    def tail(self) -> str:
        return "\n".join(self.log().splitlines()[-TAIL_LINES:])

    def wait_until(
        self, condition: Callable[[], bool], what: str, timeout: float | None = None
    ) -> None:
        """Poll `condition`; ServiceError "did not <what>" when the program ends or time is up."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while not condition():
            if not self.running:
                # What it wrote last may be what we wait for.
                if condition():
                    return
                raise self._error(f"ended with {self.returncode} and did not {what}")
            if time.monotonic() > deadline:
                raise self._error(f"did not {what} within {timeout or self.timeout} s")
            time.sleep(POLL)

    def wait_for_line(self, text: str, timeout: float | None = None) -> None:
        """Return once `text` stands in the log of this start."""
        self.wait_until(lambda: text in self.log(), f"write {text!r}", timeout)

    def wait(self, timeout: float = 90) -> int:
        """The exit status; ServiceError when the program has not ended by itself in time."""
        assert self.popen is not None
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self._error(f"did not end within {timeout} s") from None

    def terminate(self, timeout: float = 10, signum: int = signal.SIGTERM) -> int | None:
        """Ask the program alone, as a service manager does; whoever is left is then killed."""
        if self.running:
            self._signal_all(signal.SIGCONT)
            os.kill(self.pid, signum)
            try:
                self.wait(timeout)
            finally:
                self.kill()
        return self.returncode

    def kill(self) -> None:
        """SIGKILL the program and all its descendants, as a power cut would, and wait for them."""
        descendants = self._descendants()
        self._signal_all(signal.SIGKILL)
        if self.popen is not None:
            self.popen.wait()
        # Not ours to reap: a zombie that waits for its new parent holds nothing any more.
        deadline = time.monotonic() + 10
        while any(map(is_alive, descendants)) and time.monotonic() < deadline:
            time.sleep(POLL)

    def pause(self) -> None:
        """Freeze the program and its descendants: connections stay open and nothing answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self.terminate()
        else:
            self.kill()

    def _descendants(self) -> list[psutil.Process]:
        # PostgreSQL's children leave the process group.
        if not self.running:
            return []
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children(recursive=True)
        return []

    def _signal_all(self, signum: int) -> None:
        descendants = self._descendants()
        # Where ours has ended and its number was given out again, the group is somebody else's.
        if self.running or (self.popen is not None and not psutil.pid_exists(self.pid)):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signum)
        for descendant in descendants:
            with suppress(psutil.NoSuchProcess):
                descendant.send_signal(signum)

    def _error(self, what: str) -> ServiceError:
        return ServiceError(f"{self.name} {what}; its log ends:\n{self.tail()}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on and that this run has not handed out yet."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            if port not in handed_out:
                handed_out.add(port)
                return port
    raise ServiceError(f"no free port from {PORTS.start} to {PORTS.stop - 1}")


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def is_open(port: int) -> bool:
    return is_open_at("127.0.0.1", port)


def is_open_at(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


@functools.cache
def unprivileged_account() -> pwd.struct_passwd | None:
    """The account for programs that refuse root; None when the tests are not root themselves."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServiceError(f"the tests run as root and there is no user {' or '.join(UNPRIVILEGED)}")


def runs(account: pwd.struct_passwd | None, program: Path) -> bool:
    with suppress(OSError, subprocess.SubprocessError):
        return run_as(account, [program, "--version"], cwd=run_folder()).returncode == 0
    return False


def run_as(
    account: pwd.struct_passwd | None, args: Sequence[str | Path], cwd: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        args,
        cwd=cwd,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@functools.cache
def run_folder() -> Path:
    """The folder of this test run's programs, gone at its end. Others may pass through it."""
    path = Path(tempfile.mkdtemp(prefix="booster-tests-"))
    path.chmod(0o711)
    account = unprivileged_account()
    if account and run_as(account, ["/bin/test", "-x", path], cwd=Path("/")).returncode != 0:
        # TMPDIR is in a private home.
        path.rmdir()
        path = Path(tempfile.mkdtemp(prefix="booster-tests-", dir="/tmp"))
        path.chmod(0o711)
    return path


def folder_in_memory(plenty: int = PLENTY) -> Path | None:
    """Where a commit waits for no disk; None where there is little memory for files. Whatever kills
    programs leaves it as it is, and no test pulls a plug."""
    with suppress(OSError):
        if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > plenty:
            return MEMORY
    return None


def folder(
    name: str, owner: pwd.struct_passwd | None = None, *, within: Path | None = None
) -> Path:
    """A new empty folder in the run's own, or in another, where whoever asks for it removes it."""
    path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=within or run_folder()))
    if owner:
        os.chown(path, owner.pw_uid, owner.pw_gid)
    else:
        path.chmod(0o755)
    return path


def as_account(account: pwd.struct_passwd | None) -> list[str]:
    """What to put before a command that root starts and this account shall run."""
    if account is None:
        return []
    ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return ["setpriv", *ids, "--pdeathsig=KILL", "--"]


def die_with_parent() -> None:
    """In the new program, before it begins: Linux kills it when the test run is killed."""
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@atexit.register
def end_everything() -> None:
    for process in started:
        process.kill()
    if run_folder.cache_info().currsize:
        shutil.rmtree(run_folder(), ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """A failed test shows how its programs' logs end (pytest_plugins = ["tests.processes"])."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {process.name}", process.tail()) for process in started]
    if report.when == "teardown":
        started[:] = [process for process in started if process.running]
    return report


libc = ctypes.CDLL(None) if sys.platform == "linux" else None
handed_out: set[int] = set()
started: list[Process] = []


@contextmanager
def no_room_for_files() -> Iterator[None]:
    """This process can open no further file and no further connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
