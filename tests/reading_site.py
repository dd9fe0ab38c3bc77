"""A site whose page is its counter: whoever reads it is counted. Plays are counted, too, or never.

Real HTTP on loopback, in threads; it shows a token like any site that agreed.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

RECIPE = {
    "video_pattern": "/videos/([A-Za-z0-9-]+)",
    "count_path": "/videos/{video_id}",
    "count_pattern": r"seen (?P<views>[0-9]+) times",
    "play_path": "/plays/{video_id}",
    "settle_seconds": 1,
}


class ReadingCountingSite:
    """`counts_readings`: the page counts who reads it; `counts_plays`: plays are counted. It
    says of each order what it counted, as if there were no other."""

    def __init__(self, *, counts_readings: bool, counts_plays: bool) -> None:
        self.counts_readings, self.counts_plays = counts_readings, counts_plays
        self.token = ""
        self.views = 1000
        self.readings = self.received = self.counted = 0
        self._lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(site.page(self.path))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer(site.play())

            def _answer(self, body: str | None) -> None:
                content = (body or "not here").encode()
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def page(self, path: str) -> str | None:
        if path.endswith(f"booster-office-{self.token}.txt"):
            return self.token
        if found := re.fullmatch(rf"/.well-known/booster-office-{self.token}/orders/(.+)", path):
            return json.dumps({"order": found[1], "counted": self.counted})
        if not re.match("/videos/", path):
            return None
        with self._lock:
            self.readings += 1
            self.views += self.counts_readings
            return f"<p>seen {self.views} times</p>"

    def play(self) -> str:
        with self._lock:
            self.received += 1
            self.counted += self.counts_plays
            self.views += self.counts_plays
        return "thanks"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
