"""A viewer of the change feed: a real WebSocket, or the POSTs of a page that polls."""

import json
import urllib.request
from typing import Any, Self
from urllib.error import HTTPError

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SECONDS = 10.0


class LiveSocket:
    """One browser's socket. `state` holds each subject as the page would show it."""

    def __init__(
        self, url: str, session: str, *, origin: str | None = None, **options: Any
    ) -> None:
        headers = {"Cookie": f"sessionid={session}"}
        address = url.replace("http", "ws", 1) + "/live/socket/"
        self.connection = connect(
            address, origin=origin or url, additional_headers=headers, proxy=None, **options
        )
        self.socket = self.connection.__enter__()
        self.feed = ""
        self.state: dict[str, dict[str, Any]] = {}
        self.seq: dict[str, int] = {}
        self.messages: list[dict[str, Any]] = []

    def watch(self, *subjects: str, language: str = "en", **more: Any) -> None:
        request = {"watch": list(subjects), "since": self.seq, "feed": self.feed}
        self.socket.send(json.dumps(request | {"language": language} | more))

    def until(self, condition: Any, seconds: float = SECONDS) -> dict[str, Any]:
        """Take frames until a message meets the condition; that message."""
        while True:
            for message in self.frame(seconds):
                if condition(message):
                    return message

    def frame(self, seconds: float = SECONDS) -> list[dict[str, Any]]:
        frame = json.loads(self.socket.recv(seconds))
        self.feed = frame["feed"]
        for message in frame["messages"]:
            self.take(message)
        return frame["messages"]

    def take(self, message: dict[str, Any]) -> None:
        """As office/live.js does: a change has to follow on what is there."""
        self.messages.append(message)
        name = message["subject"]
        if message["kind"] == "snapshot":
            self.state[name] = message["data"]
        elif message["kind"] == "change":
            assert message["seq"] == self.seq[name] + 1, f"{message} follows on {self.seq[name]}"
            self.state[name] = self.state[name] | message["data"]
        if "seq" in message:
            self.seq[name] = message["seq"]

    def close_code(self, seconds: float = SECONDS) -> int:
        """What the server closes it with; what still comes is taken."""
        try:
            while True:
                self.frame(seconds)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def poll(
    url: str, session: str, *subjects: str, wait: float = 0, origin: str = "", **more: Any
) -> tuple[int, dict[str, Any]]:
    """The status and the answer."""
    body = json.dumps({"watch": subjects, "language": "en", "wait": wait} | more).encode()
    headers = {"Cookie": f"sessionid={session}", "Origin": origin or url}
    request = urllib.request.Request(f"{url}/live/poll/", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, {}
