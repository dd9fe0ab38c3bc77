"""Reads a site's answer to one call. It knows no socket: a thread (client.py) and the engine's wire
share it, so that a person's trial takes for an answer what an order does, and nothing else."""

import time
from typing import Any

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpResponseParser,
)
from requests.structures import CaseInsensitiveDict

from booster.net.call import Call, Response, judge, too_long

MAX_HEAD = 64 * 1024  # bytes


class BrokenConnectionError(ConnectionError):
    """It ended before a whole answer came. `silent`: before any byte of one did."""

    def __init__(self, text: str, *, silent: bool) -> None:
        super().__init__(text)
        self.silent = silent


class MoreThanAskedError(Exception):
    """Bytes follow a whole answer."""


def parser_for(protocol: object) -> Any:
    """For answers, those to plays too: as lenient as other clients."""
    parser = HttpResponseParser(protocol)
    parser.set_dangerous_leniencies(
        lenient_headers=True,
        lenient_chunked_length=True,
        lenient_data_after_close=True,
        lenient_optional_cr_before_lf=True,
    )
    return parser


class AnswerReader:
    """feed() it what comes and end() it when the site hangs up, until `response` is there."""

    def __init__(self, call: Call, site: str) -> None:
        self._call, self._site = call, site
        self._parser = parser_for(self)
        self._received = 0
        self.is_whole = False
        self._cookies: list[str] = []
        self.status = 0  # of the answer proper, once its head is whole
        self.phrase = b""
        self.headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        self.body = bytearray()
        self.response: Response | None = None
        self.keep = False  # the connection may be used again

    def feed(self, data: bytes) -> None:
        """BrokenConnectionError: this is no answer. SiteError: it is none to read on."""
        self.take(data)
        if self.status:
            phrase = self.phrase.decode("latin-1")
            accept = self._call.accept
            judge(self._site, self.status, phrase, self.headers, accept, time.time())
            if len(self.body) > self._call.max_bytes:
                raise too_long(self.status, self._call.max_bytes)
        elif self._received > MAX_HEAD:
            raise self._broken(f"more than {MAX_HEAD} bytes of headers")
        if self.is_whole:
            self._finish()

    def take(self, data: bytes) -> None:
        """Whatever it means. BrokenConnectionError."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError as error:
            if not isinstance(error.__context__, MoreThanAskedError):
                raise
            self.keep = False
        except (HttpParserError, HttpParserUpgrade) as error:
            self.keep = False
            if not self.is_whole:
                raise self._broken(f"no answer in HTTP: {error}") from None

    def end(self, error: Exception | None = None) -> None:
        """The site hung up, or the connection broke by this `error`: an answer without a length
        ends here. BrokenConnectionError: any other."""
        framed = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        if error is not None:
            raise self._broken(str(error))
        if not self.has_begun:
            raise self._broken("the site hung up before a whole answer")
        if not self.status or framed:
            raise self._broken("the site hung up in the middle of its answer")
        self._finish()

    def _finish(self) -> None:
        self._parser = None  # it holds this object's methods: no cycle for the collector
        cookies = tuple(self._cookies)
        self.response = Response(self.status, self.headers, bytes(self.body), cookies)

    @property
    def has_begun(self) -> bool:
        return self._received > 0

    def _broken(self, text: str) -> BrokenConnectionError:
        return BrokenConnectionError(text, silent=not self.has_begun)

    # --- the parser's callbacks

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise MoreThanAskedError
        self.phrase = b""
        self.headers.clear()
        self._cookies.clear()

    def on_status(self, phrase: bytes) -> None:
        self.phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:  # not a trailer
            key, text = name.decode("latin-1"), value.decode("latin-1")
            if key.lower() == "set-cookie":
                self._cookies.append(text)
            known = self.headers.get(key)
            self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # 1xx: the answer is still to come
            self.status = status

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        if self.status:
            self.is_whole, self.keep = True, bool(self._parser.should_keep_alive())
