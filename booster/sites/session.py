"""Steps that a site wants before it takes plays: a page with a token, a login. Pure.

They are taken once for all plays that share the session, and yield named values, placeholders of
all that is sent later, and the site's own cookies.
"""

import html
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import regex

from booster.exceptions import PermanentError, SiteCode, SiteError
from booster.net.call import Call, Response, cookie_header
from booster.sites.extraction import JsonPath, search, text_of
from booster.sites.templates import Value

if TYPE_CHECKING:
    from booster.sites.recipe import Step

# Of an answer that holds values, and of one value.
STEP_BYTES, VALUE_LENGTH = 1 << 20, 4096

_COOKIE = regex.compile(r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200})=(?P<value>[!-:<-~ ]{0,4096})")
_SENDABLE = regex.compile(r"[!-~](?:[ -~]*[!-~])?")
# As pages write what stands in a form's field: some write base64's / and = so.
_ENTITY = regex.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_GONE = regex.compile(r";\s*max-age\s*=\s*(?:0|-[0-9]+)\s*(?:;|$)", regex.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Session:
    """`cookies`: by name, for each address (True: the second) that set some and gets them back."""

    values: Mapping[str, Value] = field(default_factory=dict)  # by placeholder
    cookies: Mapping[bool, Mapping[str, str]] = field(default_factory=dict)

    def cookies_for(self, at_second: bool) -> str:
        cookies = self.cookies.get(at_second, {})
        return "; ".join(f"{name}={value}" for name, value in cookies.items())

    @property
    def secrets(self) -> list[str]:
        cookies = [value for kept in self.cookies.values() for value in kept.values()]
        return [*(value.text for value in self.values.values()), *cookies]


NOTHING = Session()


@dataclass(frozen=True, slots=True)
class Yield:
    """A value that a step yields, from its answer's `source`: "json", "pattern", "cookie" or
    "header"; `place` says where there."""

    name: str
    source: str
    place: str

    def of(self, response: Response, cookies: Mapping[str, str]) -> str:
        """PermanentError: the answer has none."""
        found: object
        match self.source:
            case "json":
                found = JsonPath.parse(self.place).value_in(response.json(), {})
            case "pattern":
                match = search(regex.compile(self.place), text_of(response), self.name)
                found = _ENTITY.sub(lambda one: html.unescape(one[0]), match[1]) if match else None
            case "cookie":
                found = cookies.get(self.place)
            case _:
                found = response.headers.get(self.place)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if not isinstance(found, str) or not found:
            raise PermanentError(SiteCode.VALUE_NOT_FOUND, name=self.name)
        if len(found) > VALUE_LENGTH or not _SENDABLE.fullmatch(found):
            raise PermanentError(SiteCode.VALUE_NOT_SENDABLE, name=self.name)
        return found


class Preparing:
    """The steps for one video: make `call` and take() its answer, until `call` is None. `session`:
    what came of it so far. `ask` makes a step's call in it, `mask` hides its secrets in errors."""

    def __init__(
        self,
        steps: "Iterable[Step]",
        ask: "Callable[[Session, Step], Call]",
        mask: Callable[[Session, SiteError], SiteError],
    ) -> None:
        self._left = deque(steps)
        self._ask, self._mask = ask, mask
        self.session = NOTHING

    @property
    def call(self) -> Call | None:
        """The next one. PermanentError: it cannot be sent."""
        return self._ask(self.session, self._left[0]) if self._left else None

    def take(self, response: Response) -> None:
        """The answer to `call`. PermanentError: it lacks what it should yield."""
        step = self._left[0]
        cookies = dict(self.session.cookies.get(step.at_second, {}))
        for name, value in cookies_of(response):
            if value is None:
                cookies.pop(name, None)
            elif not step.cookies or name in step.cookies:
                cookies[name] = value
        # A value may stand in a cookie that is not sent back.
        shown = cookies | {name: value for name, value in cookies_of(response) if value}
        values = dict(self.session.values)
        for one in step.values:
            values[one.name] = Value(one.of(response, shown))
        self.session = Session(values, {**self.session.cookies, step.at_second: cookies})
        self._left.popleft()
        try:
            cookie_header(self.session.cookies_for(step.at_second))
        except ValueError:
            raise PermanentError(SiteCode.VALUE_NOT_SENDABLE, name="cookie") from None

    def masked(self, error: SiteError) -> SiteError:
        return self._mask(self.session, error)


def cookies_of(response: Response) -> list[tuple[str, str | None]]:
    """The cookies that an answer sets; None for one that it takes back."""
    found: list[tuple[str, str | None]] = []
    for line in response.set_cookies:
        pair, semicolon, attributes = line.partition(";")
        if match := _COOKIE.fullmatch(pair.strip()):
            gone = _GONE.search(semicolon + attributes) or not match["value"]
            found.append((match["name"], None if gone else match["value"].strip()))
    return found
