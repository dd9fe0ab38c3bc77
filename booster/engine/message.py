"""HTTP/1.1 messages: the bytes of a play, and what the head of an answer says.

Law 4: a play names itself (User-Agent) and carries no header that would say otherwise; whatever
could end a line is refused before the first byte is sent.
"""

import re
from collections.abc import Mapping
from contextlib import suppress

from httptools import HttpParserError, HttpParserUpgrade

from booster.net.address import Origin
from booster.net.answer import parser_for
from booster.net.call import check_headers, check_path, cookie_header, own_headers
from booster.net.play import SEQUENCE, PlayRequest

MARK = SEQUENCE.encode()

# A HEAD's answer looks like a body that never comes; CONNECT and TRACE are no plays.
METHOD = re.compile(r"(?!HEAD$|CONNECT$|TRACE$)[A-Z]{1,20}")
BODILESS = ("GET", "DELETE", "OPTIONS")


class Message:
    """The bytes of an order's plays; `constant`: None unless all are the same. ValueError: a
    method, path or header that must not be sent."""

    __slots__ = ("_head", "_rest", "constant")

    def __init__(self, origin: Origin, play: PlayRequest) -> None:
        if not METHOD.fullmatch(play.method):
            raise ValueError(f"not a method for plays: {play.method[:30]!r}")
        check_path(play.path.replace(SEQUENCE, "1"))
        for name, value in play.headers:
            check_headers({name: value.replace(SEQUENCE, "1")})
        own, cookies = own_headers(origin), cookie_header(play.cookies)
        sent = (*own.items(), *play.headers, *cookies.items())
        lines = [f"{play.method} {play.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in sent]
        head = "\r\n".join(lines).encode("ascii")
        self._head, self._rest = head, play.body
        has_length = bool(play.body) or play.method not in BODILESS
        if has_length:
            self._head += b"\r\nContent-Length: "
        same = MARK not in self._head and MARK not in play.body
        self.constant = b"".join(self.parts(1)) if same else None

    def parts(self, digits: int) -> tuple[bytes, ...]:
        """What stands between numbers of so many digits, with the Content-Length for them:
        `b"%d" % number` joins the parts, one operation a play."""
        head = self._head
        if head.endswith(b"Content-Length: "):
            spare = (digits - len(MARK)) * self._rest.count(MARK)
            head += b"%d" % (len(self._rest) + spare)
        return tuple((head + b"\r\n\r\n" + self._rest).split(MARK))


class AnswerHead:
    """Status and headers of an answer, read from its first bytes up to the empty line. The wire's
    own parser looks at no header: this is for the few answers where one matters."""

    def __init__(self, data: bytes) -> None:
        self.status = 0  # once the head is whole
        self._found: dict[str, str] = {}
        self._parser = parser_for(self)
        # Broken off or broken in the body: what was read of the head before that holds.
        with suppress(HttpParserError, HttpParserUpgrade):
            self._parser.feed_data(data)
        self._parser = None  # it holds this object's methods: no cycle for the collector

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in lower case."""
        return self._found

    @property
    def ends_with_connection(self) -> bool:
        """No length is announced: the end of the connection is the end of the body."""
        framed = "content-length" in self._found or "transfer-encoding" in self._found
        return bool(self.status) and not framed

    # What comes behind the head is no part of it: trailers, or more than the answer's length.

    def on_message_begin(self) -> None:
        if not self.status:
            self._found.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:
            self._found[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self.status and status >= 200:  # 1xx: the answer is still to come
            self.status = status
