"""Answers scripts, styles and pictures from memory once Django has answered them, without a thread
and without waiting in the gate. A page asks for thirty of them, and again each minute.

Only files that are the same for everybody: what is under STATIC_URL and was answered whole with
200. Django answers everything else.
"""

from dataclasses import dataclass
from typing import Any

from office.gate import Application, Message, Receive, Send

Headers = list[tuple[bytes, bytes]]

# Browsers' copies are compared here, and a part is never kept as the whole file.
CONDITIONS = {b"if-none-match", b"if-modified-since"}
OF_THE_BODY = {b"content-length", b"content-encoding", b"content-type"}
WEAK = b"W/"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: bytes

    def is_copied_by(self, asked: dict[bytes, bytes]) -> bool:
        """Whether the browser that asks has it already."""
        own = dict(self.headers)
        if tags := asked.get(b"if-none-match"):
            return own.get(b"etag", b"-").removeprefix(WEAK) == tags.removeprefix(WEAK)
        since = asked.get(b"if-modified-since")
        return since is not None and since == own.get(b"last-modified")

    async def send(self, send: Send, *, is_copied: bool) -> None:
        status, headers, body = self.status, self.headers, self.body
        if is_copied:
            status, body = 304, b""
            headers = [(name, value) for name, value in headers if name not in OF_THE_BODY]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class StaticMemory:
    def __init__(self, pages: Application) -> None:
        self.pages = pages
        self.known: dict[tuple[Any, ...], Answer] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        asked = {name.lower(): value for name, value in scope["headers"]}
        if scope["method"] != "GET" or b"range" in asked:
            await self.pages(scope, receive, send)
            return
        packed = b"gzip" in asked.get(b"accept-encoding", b"")
        # A request without TLS may be redirected to TLS.
        by_tls = (scope.get("scheme"), asked.get(b"x-forwarded-proto") == b"https")
        key = (scope["path"], packed, by_tls)
        answer = self.known.get(key) or await self.ask(scope, receive)
        if answer.status == 200:
            self.known[key] = answer
        is_copied = answer.status == 200 and answer.is_copied_by(asked)
        await answer.send(send, is_copied=is_copied)

    async def ask(self, scope: Any, receive: Receive) -> Answer:
        """Get the whole file from Django."""
        messages: list[Message] = []

        async def take(message: Message) -> None:
            messages.append(message)

        plain = [pair for pair in scope["headers"] if pair[0].lower() not in CONDITIONS]
        await self.pages({**scope, "headers": plain}, receive, take)
        last = messages[-1] if messages else {}
        if last.get("type") != "http.response.body" or last.get("more_body", False):
            return Answer(499, [], b"")  # the client left; the rest of the file is missing
        body = b"".join(message.get("body", b"") for message in messages[1:])
        headers = [
            (name.lower(), value)
            for name, value in messages[0]["headers"]
            if name.lower() not in (b"content-length", b"connection")
        ]
        length = (b"content-length", str(len(body)).encode())
        return Answer(messages[0]["status"], [*headers, length], body)
