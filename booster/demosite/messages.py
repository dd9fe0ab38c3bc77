"""One request, one answer, and how an answer looks on the wire."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"

HEAD = b"HTTP/1.1 %d %b\r\nDate: %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b%b\r\n"
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


@dataclass(slots=True)
class Request:
    method: bytes = b""
    target: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    keep_alive: bool = True

    @property
    def segments(self) -> list[str]:
        """The path, decoded, without its first slash: `/videos/a` is ["videos", "a"]."""
        return [unquote(part) for part in self._split().path.removeprefix("/").split("/")]

    def query(self, name: str) -> str:
        return parse_qs(self._split().query).get(name, [""])[-1]

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def _split(self) -> SplitResult:
        target = self.target.decode("latin-1")
        # `//host/x` is a path here, while `http://host/x` (the form for proxies) names the host.
        return urlsplit("/" + target.lstrip("/") if target.startswith("/") else target)


@dataclass(slots=True)
class Answer:
    body: bytes
    content_type: bytes = JSON
    status: int = 200
    headers: bytes = b""  # further header lines, each with its line end

    @classmethod
    def json(cls, value: object, status: int = 200, headers: bytes = b"") -> Self:
        return cls(json.dumps(value, ensure_ascii=False).encode(), JSON, status, headers)

    @classmethod
    def error(cls, status: int, reason: str = "", headers: bytes = b"") -> Self:
        reason = reason or REASONS[status].decode()
        return cls.json({"error": reason}, status, headers)

    def head(self, date: bytes, connection: bytes = b"") -> bytes:
        """Status line and headers, to the empty line. `connection` is a whole header line."""
        return HEAD % (
            self.status,
            REASONS.get(self.status, b"Unknown"),
            date,
            self.content_type,
            len(self.body),
            self.headers,
            connection,
        )
