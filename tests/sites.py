"""A real demo site for a test: its own process, a free port, a public folder of its own.

with DemoSite() as site:
    token = site.token()
    site.fault("plays", "status", status=503, times=3)
    ...
    assert site.views("harbour-at-dawn") == before + 100
    assert site.plays(order.oid) == 100
"""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
READY = "Demo video site ready at "
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DemoSite:
    """`options` are further command line options, such as "--extra", "2000"."""

    def __init__(self, *options: str, state: Path | None = None, control: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="demosite-")
        self._options = [*options]
        if control:
            self._options.append("--control")
        if state is not None:
            self._options += ["--state", str(state)]
        self._process: subprocess.Popen[str] | None = None
        self.port = 0  # a free one; kept over restarts
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._folder.cleanup()

    @property
    def public(self) -> Path:
        return Path(self._folder.name)

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Start the process, on the same port as before when it ran already."""
        command = [sys.executable, "-m", "booster.demosite", "--port", str(self.port)]
        command += ["--public", str(self.public), *self._options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(READY):
            raise RuntimeError(f"the demo site did not start: exit {self._process.wait(10)}")
        self.url = line.removeprefix(READY).strip()
        self.port = int(self.url.rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and wait for it. Its exit status."""
        process = self._running()
        process.send_signal(number)
        status = process.wait(15)
        self._forget()
        return status

    def kill(self) -> None:
        """As a power cut would; nothing happens when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(15)
            self._forget()

    def pause(self) -> None:
        """The machine hangs: connections are accepted by the kernel, nothing is answered."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    # --- ownership

    def token(self, token: str | None = None) -> str:
        """Prove ownership: write the file of a token (a new one, unless given) and return it."""
        token = token or secrets.token_hex(16)
        self._token_file(token).write_text(token)
        return token

    def remove_token(self, token: str) -> None:
        self._token_file(token).unlink(missing_ok=True)

    # --- what the site knows

    def address(self, video: str) -> str:
        """The address of a video, as a customer would paste it."""
        return f"{self.url}/videos/{video}"

    def views(self, video: str) -> int:
        """The counter as anyone may read it; faults of the count lie here as well."""
        return int(self._call("GET", f"/api/videos/{video}")["views"])

    def order(self, oid: str) -> dict[str, Any]:
        """{"order", "plays", "replays", "lost", "videos": {id: plays}}"""
        return self._call("GET", f"/api/orders/{oid}")

    def plays(self, oid: str) -> int:
        """How many plays the site counted for an order."""
        return int(self.order(oid)["plays"])

    # --- what a test makes happen

    def fault(self, where: str, kind: str, **settings: Any) -> None:
        """See booster/demosite/faults.py for all settings."""
        self._call("POST", "/control/faults", {"where": where, "kind": kind, **settings})

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, each with the number of its `strikes`."""
        faults: list[dict[str, Any]] = self._call("GET", "/control/faults")["faults"]
        return faults

    def clear(self) -> None:
        """End all faults. What hangs already goes on hanging."""
        self._call("DELETE", "/control/faults")

    def set_views(self, video: str, views: int) -> None:
        self._call("POST", "/control/views", {"video": video, "views": views})

    def add_views(self, video: str, amount: int) -> None:
        """Plays by other people."""
        self._call("POST", "/control/views", {"video": video, "add": amount})

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        try:
            with NO_PROXY.open(request, timeout=10) as answer:
                result: dict[str, Any] = json.load(answer)
                return result
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def _token_file(self, token: str) -> Path:
        return self.public / f"booster-office-{token}.txt"

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the demo site does not run")
        return self._process

    def _forget(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
