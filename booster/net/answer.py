"""The answer to a single call, put together piece by piece as it comes, for whoever reads it: a
thread from a socket of its own (client.py) or the engine's wire (booster/engine/fetching.py).
"""

import time
from typing import Any, NoReturn

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpResponseParser,
)
from requests.structures import CaseInsensitiveDict

from booster.net.address import Origin
from booster.net.call import Call, Response, judge, too_long

MAX_HEAD = 64 * 1024  # bytes


class BrokenAnswerError(ConnectionError):
    """It ended before it was whole. `silent`: before any byte of it came."""

    def __init__(self, text: str, *, silent: bool) -> None:
        super().__init__(text)
        self.silent = silent


class MoreThanAskedError(Exception):
    """Bytes follow a whole answer."""


class AnswerReader:
    """One answer to `call`: take() what is read, until answer() has it whole."""

    def __init__(self, call: Call, origin: Origin) -> None:
        self._call = call
        self._site = str(origin)
        self._received = 0
        self._status = 0  # of the answer proper, once its head is whole
        self._phrase = b""
        self._headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        self._cookies: list[str] = []
        self._body = bytearray()
        self._whole = False
        self.keeps_alive = False  # another call may go over the same connection
        self._parser: Any = HttpResponseParser(self)

    def take(self, data: bytes) -> None:
        """More of it. BrokenAnswerError: that is no HTTP."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError as error:
            if not isinstance(error.__context__, MoreThanAskedError):
                raise
            self.keeps_alive = False
        except (HttpParserError, HttpParserUpgrade) as error:
            self.keeps_alive = False
            if not self._whole:
                self.fail(f"no answer in HTTP: {error}")

    def end(self) -> None:
        """Nothing more will come: without a length, this is where an answer ends.
        BrokenAnswerError: it was not whole."""
        framed = "Content-Length" in self._headers or "Transfer-Encoding" in self._headers
        if not self._status or framed:
            self.fail("the site hung up before a whole answer")
        self._whole = True

    def fail(self, text: str) -> NoReturn:
        """Whatever has come of it: it broke off."""
        raise BrokenAnswerError(text, silent=not self._received)

    def answer(self) -> Response | None:
        """The whole answer; None while more of it has to come. SiteError: a reason not to read on.
        BrokenAnswerError: its head has no end."""
        if not self._status:
            if self._received > MAX_HEAD:
                self.fail(f"more than {MAX_HEAD} bytes of headers")
            return None
        call, phrase = self._call, self._phrase.decode("latin-1")
        judge(self._site, self._status, phrase, self._headers, call.accept, time.time())
        if len(self._body) > call.max_bytes:
            raise too_long(self._status, call.max_bytes)
        if not self._whole:
            return None
        self._parser = None  # it holds this object's methods: no cycle for the collector
        return Response(self._status, self._headers, bytes(self._body), tuple(self._cookies))

    def has_begun(self, size: int) -> bool:
        """Whether so many bytes of its body are there, or all of it."""
        return self._whole or len(self._body) >= size

    def beginning(self, size: int) -> str:
        """What has come of it, for people to read."""
        phrase = self._phrase.decode("latin-1")
        lines = [f"HTTP/1.1 {self._status} {phrase}".rstrip()]
        lines += [f"{name}: {value}" for name, value in self._headers.items()]
        return "\n".join(lines) + "\n\n" + self._body[:size].decode("utf-8", "replace")

    # --- the parser's callbacks

    def on_message_begin(self) -> None:
        if self._whole:
            raise MoreThanAskedError
        self._phrase = b""
        self._headers.clear()
        self._cookies.clear()

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._status:  # not a trailer
            key, text = name.decode("latin-1"), value.decode("latin-1")
            if key.lower() == "set-cookie":
                self._cookies.append(text)
            known = self._headers.get(key)
            self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # 1xx: the answer is still to come
            self._status = status

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        if self._status:
            self._whole, self.keeps_alive = True, bool(self._parser.should_keep_alive())
