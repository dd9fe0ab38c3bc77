"""A small PeerTube that counts views by the real one's rules, with a clock that tests can move.

Taken over: what is validated, how watch time is measured, one view a session in the expiration
time, the session's address where sessions are not trusted, views that become visible only when
the buffer is written, the limit of calls a window. Left out: everything else.
"""

import json
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

BASE58 = "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass
class Settings:
    """Of production.yaml, with the values that PeerTube ships; times in seconds."""

    count_view_after: float = 10
    view_expiration: float = 3600
    trust_viewer_session_id: bool = True
    local_buffer_update_interval: float = 1800
    api_limit: int = 50
    api_window: float = 10

    @classmethod
    def as_our_notes_ask(cls) -> "Settings":
        return cls(count_view_after=0, api_limit=100_000)


@dataclass
class Video:
    uuid: str
    duration: int = 120
    views: int = 0
    local: bool = True
    buffered: int = 0
    sections: dict[str, list[int]] = field(default_factory=dict)  # a session's [start, end]
    seen: dict[str, float] = field(default_factory=dict)  # when a session's view was counted

    @property
    def short_uuid(self) -> str:
        number, digits = uuid.UUID(self.uuid).int, ""
        while number:
            number, digit = divmod(number, 58)
            digits = BASE58[digit] + digits
        return digits.rjust(22, BASE58[0])


class PeerTubeServer:
    """On a free port of 127.0.0.1."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.as_our_notes_ask()
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []
        self._videos: list[Video] = []
        self._ahead = 0.0
        self._window = (0.0, 0)
        self._published = time.monotonic()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def add_video(self, **settings: Any) -> Video:
        video = Video(str(uuid.uuid4()), **settings)
        self._videos.append(video)
        return video

    def advance(self, seconds: float) -> None:
        """Let time go by: sessions expire, the buffer is written when its time has come."""
        with self._lock:
            self._ahead += seconds

    def answer(self, method: str, path: str, body: bytes, ip: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one call; {} for no body."""
        with self._lock:
            self._write_buffer()
            if not self._within_limit():
                return 429, {"error": "Too many requests, please try again later."}
            match = re.fullmatch(r"/api/v1/videos/([^/]+)(/views)?", path)
            video = self._find(match[1]) if match else None
            if match and match[2] and method in ("POST", "PUT"):
                return self._view(video, body, ip)
            if video is None or method != "GET":
                return 404, {"error": "Video not found"}
            return 200, {
                "uuid": video.uuid,
                "shortUUID": video.short_uuid,
                "duration": video.duration,
                "views": video.views,
                "isLocal": video.local,
            }

    def _now(self) -> float:
        return time.monotonic() + self._ahead

    def _find(self, name: str) -> Video | None:
        return next((v for v in self._videos if name in (v.uuid, v.short_uuid)), None)

    def _write_buffer(self) -> None:
        if self._now() - self._published < self.settings.local_buffer_update_interval:
            return
        self._published = self._now()
        for video in self._videos:
            video.views, video.buffered = video.views + video.buffered, 0

    def _within_limit(self) -> bool:
        begun, calls = self._window
        if self._now() - begun >= self.settings.api_window:
            begun, calls = self._now(), 0
        self._window = (begun, calls + 1)
        return calls < self.settings.api_limit

    def _view(self, video: Video | None, body: bytes, ip: str) -> tuple[int, dict[str, Any]]:
        try:
            sent = json.loads(body)
            current = sent["currentTime"]
        except (ValueError, KeyError, TypeError):
            return 400, {"error": "Incorrect request parameters: currentTime"}
        session = sent.get("sessionId", "")
        if type(current) is not int or not re.fullmatch(r"[A-Za-z0-9-]*", session):
            return 400, {"error": "Incorrect request parameters"}
        if video is None:
            return 404, {"error": "Video not found"}
        if not 0 <= current <= video.duration:
            return 400, {"error": f"Current time {current} is invalid"}
        if not session or not self.settings.trust_viewer_session_id:
            session = ip
        if self._counts(video, session, self._watch_time(video, session, current)):
            video.seen[session] = self._now()
            video.buffered += video.local
        return 204, {}

    def _watch_time(self, video: Video, session: str, current: int) -> int:
        section = video.sections.setdefault(session, [current, current])
        if section[0] > current:
            section[:] = [current, current]
        section[1] = current
        return section[1] - section[0]

    def _counts(self, video: Video, session: str, watched: int) -> bool:
        after = self.settings.count_view_after
        enough = watched >= after if video.duration >= after else watched * 2 > video.duration
        seen = video.seen.get(session)
        return enough and (seen is None or self._now() - seen >= self.settings.view_expiration)

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body leave apart, and must not wait

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.calls.append((self.command, self.path, dict(self.headers.items()), body))
                ip = self.client_address[0]
                status, content = server.answer(self.command, self.path, body, ip)
                payload = json.dumps(content).encode() if content else b""
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", str(round(server.settings.api_window)))
                if payload:
                    self.send_header("Content-Type", "application/json; charset=utf-8")
                    self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_POST = do_PUT = do_GET  # noqa: N815

            def log_message(self, *args: object) -> None:
                """A test's output is not the place for an access log."""

        return Handler
