"""A real demo site for a test: its own process, a free port, a public folder of its own.

with DemoSite() as site:
    token = site.token()
    site.fault("plays", "status", status=503, times=3)
    ...
    assert site.views("harbour-at-dawn") == before + 100
    assert site.plays(order.oid) == 100
"""

import json
import secrets
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from booster.demosite.catalogue import BUILT_IN
from tests.machines import Machine
from tests.processes import Process, folder, free_port

ROOT = Path(__file__).resolve().parent.parent
READY = "Demo video site ready at "
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DemoSite:
    """`options` are further command line options. `extra`: so many videos exist beside those on its
    own shelf, `v1` and so on.

    Without `control` it is the site that people run: nobody can make it go wrong."""

    def __init__(
        self,
        *options: str,
        extra: int = 0,
        state: Path | None = None,
        control: bool = True,
        machine: Machine | None = None,
    ) -> None:
        self.public = folder("public")
        self.port = free_port()  # kept over restarts
        self.url = ""
        module = "tests.faulty_demosite" if control else "booster.demosite"
        command = [sys.executable, "-m", module, *options]
        command += ["--port", str(self.port), "--public", str(self.public)]
        command += ["--state", str(state)] if state else []
        command += ["--videos", str(catalogue_of(extra))] if extra else []
        command += ["--host", machine.address] if machine else []
        inside = machine.inside if machine else ()
        self._process = Process(command, name="demosite", ready=READY, cwd=ROOT, inside=inside)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        self._process.start()
        ready = next(line for line in self._process.log().splitlines() if READY in line)
        self.url = ready.removeprefix(READY)

    def stop(self, signum: int = signal.SIGTERM) -> int | None:
        """Ask it to stop, and wait for it. Its exit status."""
        return self._process.terminate(timeout=15, signum=signum)

    def kill(self) -> None:
        """As a power cut would; nothing happens when it does not run."""
        self._process.kill()

    def pause(self) -> None:
        """The machine hangs: connections are accepted by the kernel, nothing is answered."""
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

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
        """See tests/faulty_demosite/faults.py for all settings."""
        self._call("POST", "/control/faults", {"where": where, "kind": kind, **settings})

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, each with the number of its `strikes`."""
        faults: list[dict[str, Any]] = self._call("GET", "/control/faults")["faults"]
        return faults

    def clear(self) -> None:
        """End all faults. What hangs already goes on hanging."""
        self._call("DELETE", "/control/faults")

    def counter(self, video: str, **settings: Any) -> None:
        """Have a video count wrongly, or rightly again without settings. See
        tests/faulty_demosite/counters.py for all of them."""
        self._call("POST", "/control/counters", {"video": video, **settings})

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


def catalogue_of(extra: int) -> Path:
    names = ("id", "title", "title_zh", "views", "scene")
    rows = [dict(zip(names, row, strict=True)) for row in BUILT_IN]
    rows += [{"id": f"v{number}", "title": f"Episode {number}"} for number in range(1, extra + 1)]
    path = folder("catalogue") / "videos.json"
    path.write_text(json.dumps(rows))
    return path
