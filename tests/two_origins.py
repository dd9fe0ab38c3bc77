"""A site of two addresses: its pages and its login stand at one, its counter and its plays at the
other. Real HTTP on loopback, in threads, and every request is kept.
"""

import json
import threading
from typing import Any

from tests.raw_server import Connection, RawServer, answer

RECIPE: dict[str, Any] = {
    "video_pattern": r"/videos/([\w-]+)",
    "count_path": "/videos/{video_id}",
    "count_json": "views",
    "count_at_second": True,
    "play_path": "/videos/{video_id}/plays",
    "play_at_second": True,
    "settle_seconds": 1,
}
# A login at the first, a token of the second; both set a cookie of the same name.
STEPS: list[dict[str, Any]] = [
    {"path": "/login", "values": [{"name": "nonce", "source": "json", "place": "nonce"}]},
    {"path": "/login", "at_second": True},
]
WITH_STEPS = {"steps": STEPS, "play_headers": {"X-WP-Nonce": "{nonce}"}}


class Machine(RawServer):
    """One of them. `shows`: it shows the token to the question for it; `has_shown`: it did."""

    def __init__(self, name: str, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(self._talk, address=address)
        self.name = name
        self.token = ""
        self.shows, self.has_shown = True, False
        self.token_answer: bytes | None = None
        self.views = 1000
        self.asked: list[str] = []  # "GET /path" of all but the question for the token
        self.cookies: list[str] = []  # of these
        self.stray = 0  # of these, those before it had ever shown the token
        self._lock = threading.Lock()

    @property
    def plays(self) -> int:
        return sum(one.startswith("POST") for one in self.asked)

    def _talk(self, connection: Connection) -> None:
        while request := connection.read_request():
            connection.send(self._answer(request.decode("latin-1")))

    def _answer(self, request: str) -> bytes:
        verb, path = request.split()[:2]
        with self._lock:
            if path.endswith(f"/booster-office-{self.token}.txt"):
                return self._token()
            self.asked.append(f"{verb} {path}")
            self.cookies += [
                line.partition(": ")[2]
                for line in request.splitlines()
                if line.lower().startswith("cookie:")
            ]
            self.stray += not self.has_shown
            if path == "/login":
                nonce = json.dumps({"nonce": f"nonce-of-{self.name}"}).encode()
                return answer(nonce, headers=(f"Set-Cookie: sid=secret-of-{self.name}; Path=/",))
            if "/orders/" in path:
                said = {"order": path.rpartition("/")[2], "counted": self.plays}
                return answer(json.dumps(said).encode())
            self.views += verb == "POST"
            return answer(json.dumps({"views": self.views}).encode())

    def _token(self) -> bytes:
        if not self.shows:
            return self.token_answer or answer(status="404 Not Found")
        self.has_shown = True
        return answer(self.token.encode())
