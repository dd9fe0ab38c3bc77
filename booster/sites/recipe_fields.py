"""The fields of a recipe, one by one: each check returns the value to keep or raises FieldError."""

from collections.abc import Iterable, Mapping
from typing import Any

import regex

from booster.exceptions import AddressRefusedError, SiteCode
from booster.net.address import Origin, is_public_platform
from booster.net.call import METHODS, check_headers, check_path
from booster.sites.extraction import JsonPath
from booster.sites.session import Yield
from booster.sites.templates import OF_PLAYS, OF_VIDEOS, SECRET, Template

MAX_PATTERN = 300
MAX_BODY = 8192
MAX_HEADERS = 20
MAX_VALUES = 8

ORDER_HEADER = "X-Play-Order"
# What a recipe may set: what says what is sent, and what a site's own interface asks for.
_ALLOWED = """
    accept accept-language authorization cache-control content-language content-type
    idempotency-key pragma prefer range dnt api-key x-api-key x-api-token x-api-version
    x-access-token x-auth-token x-authorization x-app-id x-app-key x-csrf-token x-xsrf-token
    x-csrftoken x-wp-nonce x-requested-with x-request-id x-correlation-id x-tenant x-tenant-id
    x-session-id x-signature x-timestamp x-idempotency-key
"""
ALLOWED_HEADERS = frozenset(_ALLOWED.split())
OWN_HEADERS = ("x-play-", "x-video-")
# Of those, what lets somebody in: its value is a secret, whoever typed it here.
CREDENTIAL_HEADERS = frozenset(
    {
        *("authorization", "x-authorization", "api-key", "x-api-key", "x-api-token"),
        *("x-access-token", "x-auth-token", "x-app-key", "x-session-id", "x-signature"),
    }
)

VALUE_NAME = regex.compile(r"[a-z_]{1,32}")
SOURCES = ("json", "pattern", "cookie", "header")
_COOKIE_NAME = regex.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_PASSWORD = regex.compile(
    r"(?i)(?:passwor[dt]|passwd|passphrase|pwd|pass|client_secret)"
    r"[\"']?\s*[=:]\s*[\"']?(?![\s\"'{&]|$)"
)
_BRACED = regex.compile(r"(?<!\\[pPN])\{([a-z_]+(?::[A-Za-z0-9_-]+)?)\}")


def _(sentence: str) -> str:
    """For the catalogue of translations; needs no settings."""
    return sentence


class FieldError(ValueError):
    """What is wrong with a field: a sentence, and what stands in it, for whoever translates it."""

    def __init__(self, sentence: str, **params: object) -> None:
        super().__init__(sentence % params if params else sentence)
        self.sentence, self.params = sentence, params


REQUIRED = _("This is required.")


def text(value: Any, limit: int) -> str:
    found = "" if value is None else value
    if not isinstance(found, str):
        raise FieldError(_("This must be a text."))
    if len(found) > limit:
        raise FieldError(_("This is longer than %(limit)s characters."), limit=limit)
    if any("\ud800" <= char <= "\udfff" for char in found):
        raise FieldError(_("This holds characters that cannot be sent."))
    return found


def template(found: str, names: Iterable[str] = ()) -> Template:
    """`names`: the placeholders that mean something here; those for values of a session and for
    secrets are looked at when all fields are known. FieldError."""
    try:
        parsed = Template.parse(found)
    except ValueError as error:
        raise FieldError(_("%(text)s cannot be sent as a text."), text=str(error)) from None
    for name in sorted(parsed.names):
        is_of_session = name.startswith(SECRET) or VALUE_NAME.fullmatch(name)
        if name not in names and (name in OF_PLAYS or not is_of_session):
            raise unknown_in_text(name, names)
    return parsed


def unknown(name: str, known: Iterable[str]) -> FieldError:
    if not (listed := ", ".join(f"{{{one}}}" for one in known)):
        return FieldError(_("{%(name)s} does nothing here."), name=name)
    sentence = _("{%(name)s} is not known here; there is %(known)s.")
    return FieldError(sentence, name=name, known=listed)


def unknown_in_text(name: str, known: Iterable[str]) -> FieldError:
    """The same, where texts with braces of their own are pasted: GraphQL has `video {views}`."""
    error = unknown(name, known)
    if name not in OF_PLAYS and error.params.get("known"):
        sentence = _(
            "{%(name)s} is not known here; there is %(known)s. Write {{%(name)s}} to have "
            "{%(name)s} sent as it stands."
        )
        return FieldError(sentence, **error.params)
    return error


def sample(parsed: Template) -> str:
    """With something in the place of each placeholder."""
    return "".join(part if index % 2 == 0 else "1" for index, part in enumerate(parsed.parts))


def pattern(value: Any, names: Iterable[str] = (), group: str = "") -> str:
    """A regular expression with one group, or with one of this name."""
    found = text(value, MAX_PATTERN)
    for name in _BRACED.findall(found):
        if name in OF_PLAYS and name not in names:
            raise unknown(name, names)
    try:
        compiled = regex.compile(found)
    # ValueError: flags that exclude each other.
    except (regex.error, ValueError, RecursionError, OverflowError, MemoryError) as error:
        raise FieldError(_("This is not a regular expression: %(error)s."), error=error) from None
    if found and compiled.groups != 1 and group not in compiled.groupindex:
        sentence = _("The expression needs exactly one group in parentheses.")
        if group:
            sentence = _(
                "The expression needs exactly one group in parentheses, or one named %(name)s."
            )
        raise FieldError(sentence, name=group)
    return found


def video_pattern(value: Any) -> str:
    if not value:
        raise FieldError(REQUIRED)
    return pattern(value, group="video_id")


def marker(value: Any) -> str:
    found = text(value, MAX_PATTERN)
    for name in sorted(template(found, OF_VIDEOS).names - {*OF_VIDEOS}):
        raise unknown(name, OF_VIDEOS)
    if found and not found.strip():
        raise FieldError(_("The text before the number must hold more than spaces."))
    return found


def json_path(value: Any, names: tuple[str, ...] = OF_VIDEOS) -> str:
    found = text(value, MAX_PATTERN)
    if not found:
        return found
    try:
        parsed = JsonPath.parse(found)
    except ValueError as error:
        sentence = _(
            'This is a path of up to 10 keys, such as data.views, data["a.b"], items[0].views or '
            "items[id={video_id}].views; it breaks off at: %(rest)s"
        )
        raise FieldError(sentence, rest=error) from None
    for name in sorted(parsed.names - {*names}):
        raise unknown(name, names)
    return found


def origin(value: Any) -> str:
    """Scheme, host and port, as they are compared. No public platform is a second address."""
    found = text(value, 200).strip()
    if not found:
        return found
    try:
        parsed, rest = Origin.split(found)
        if is_public_platform(parsed.host):
            raise AddressRefusedError(SiteCode.PUBLIC_PLATFORM, host=parsed.host)
    except AddressRefusedError as error:
        raise FieldError(_("This address cannot be used: %(error)s"), error=error) from None
    if rest != "/" or "#" in found:
        raise FieldError(_("This is scheme, host and port alone, such as https://api.example.com"))
    return str(parsed)


def path(value: Any, names: tuple[str, ...]) -> str:
    found = text(value, 1024)
    if not found:
        raise FieldError(REQUIRED)
    filled = sample(template(found, names))
    if not found.startswith("/"):
        raise FieldError(_("A path begins with a slash: the host is the site's own."))
    try:
        check_path(filled)
    except ValueError:
        raise FieldError(
            _("A path holds printable ASCII only, without spaces, #, backslashes or //.")
        ) from None
    return found


def method(value: Any, default: str) -> str:
    found = text(value, 10).upper() or default
    if found not in METHODS:
        raise FieldError(_("The method is one of %(methods)s."), methods=", ".join(METHODS))
    return found


def headers(value: Any, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """From a mapping, pairs, or lines of "Name: value"."""
    if isinstance(value, str):
        lines = [line for line in value.splitlines() if line.strip()]
        if not all(":" in line for line in lines):
            raise FieldError(_("Each line is a header: Name: value"))
        value = [line.split(":", 1) for line in lines]
    if not isinstance(value, Mapping | list | tuple | None):
        raise FieldError(_("These are headers, a name and a value each."))
    pairs = list(value.items()) if isinstance(value, Mapping) else list(value or ())
    if len(pairs) > MAX_HEADERS:
        raise FieldError(_("These are more than %(most)s headers."), most=MAX_HEADERS)
    found = tuple(_header(pair, names) for pair in pairs)
    if len({name.lower() for name, _value in found}) < len(found):
        raise FieldError(_("A header stands here twice."))
    return found


def _header(pair: Any, names: tuple[str, ...]) -> tuple[str, str]:
    is_pair = isinstance(pair, list | tuple) and len(pair) == 2
    if not is_pair or not all(isinstance(part, str) for part in pair):
        raise FieldError(_("Each header is a name and a value."))
    name, value = pair[0].strip(), pair[1].strip()
    if not may_be_set(name):
        raise FieldError(
            _(
                "%(name)s is not a recipe's to set: requests say truly who they are. "
                "These are: %(allowed)s, x-play-…, x-video-…."
            ),
            name=name[:100],
            allowed=", ".join(sorted(ALLOWED_HEADERS)),
        )
    filled = sample(template(value, names))
    try:
        check_headers({name: filled})
    except ValueError:
        raise FieldError(
            _("%(name)s: a header's value holds printable ASCII only."), name=name[:100]
        ) from None
    return name, value


def may_be_set(name: str) -> bool:
    """By a list of what may, since every proxy has a header of its own that says who asks."""
    plain = name.lower()
    own = plain.startswith(OWN_HEADERS) and plain != ORDER_HEADER.lower()
    return plain in ALLOWED_HEADERS or own


def body(value: Any, names: tuple[str, ...]) -> str:
    found = text(value, MAX_BODY)
    template(found, names)
    return found


def statuses(value: Any, default: tuple[int, ...]) -> tuple[int, ...]:
    """From numbers, or a text such as "200, 204"."""
    if value is None or value == "":
        value = default
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    try:
        found = tuple(sorted({int(status) for status in value}))
    except (TypeError, ValueError, OverflowError):
        raise FieldError(_("These are status numbers, such as 200, 204.")) from None
    if not found or not all(200 <= status <= 399 for status in found):
        raise FieldError(_("Only statuses from 200 to 399 can mean that it was received."))
    return found


def flag(value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise FieldError(_("This is yes or no."))
    return bool(value)


def seconds(value: Any) -> int:
    if value is None:
        return 60
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 86_400:
        raise FieldError(_("This is a number of seconds from 1 to 86400."))
    return value


def step_body(value: Any) -> str:
    """Passwords are typed where bodies are, and belong elsewhere."""
    found = body(value, OF_VIDEOS)
    if _PASSWORD.search(found):
        raise FieldError(
            _("Write {secret:name} in the place of the password, and its value under the secrets.")
        )
    return found


def cookie_names(value: Any) -> tuple[str, ...]:
    """From names, or a text such as "csrftoken, sessionid"; empty: all that the site sets."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    found = tuple(value or ()) if isinstance(value, list | tuple | None) else (value,)
    if not all(isinstance(name, str) and _COOKIE_NAME.fullmatch(name) for name in found):
        raise FieldError(_("These are names of cookies."))
    return found


def yields(value: Any) -> tuple[Yield, ...]:
    """From mappings, or lines of "name: json data.token"."""
    if isinstance(value, str):
        value = [_line(line) for line in value.splitlines() if line.strip()]
    if not isinstance(value, list | tuple | None) or len(value or ()) > MAX_VALUES:
        raise FieldError(_("These are up to %(most)s values."), most=MAX_VALUES)
    found = tuple(_yield(one) for one in value or ())
    if len({one.name for one in found}) < len(found):
        raise FieldError(_("A value's name stands here twice."))
    return found


def _line(line: str) -> dict[str, str]:
    name, colon, rest = line.strip().partition(":")
    source, _space, place = rest.strip().partition(" ")
    if not colon or not place:
        sentence = _(
            "Each line is a name and where its value stands: token: json data.token, or pattern, "
            "cookie or header in the place of json."
        )
        raise FieldError(sentence)
    return {"name": name.strip(), "source": source, "place": place.strip()}


def _yield(value: Any) -> Yield:
    if isinstance(value, Yield):
        return value
    if not isinstance(value, Mapping) or value.keys() != {"name", "source", "place"}:
        raise FieldError(_("Each value has name, source and place."))
    name, source = text(value["name"], 40), text(value["source"], 20)
    place = text(value["place"], MAX_PATTERN)
    if not VALUE_NAME.fullmatch(name) or name in OF_PLAYS:
        raise FieldError(
            _("'%(name)s' cannot be a value's name; use small letters and _."), name=name
        )
    if source not in SOURCES:
        raise FieldError(_("A value stands in one of %(known)s."), known=", ".join(SOURCES))
    if not place:
        raise FieldError(REQUIRED)
    match source:
        case "json":
            json_path(place, ())
        case "pattern":
            pattern(place)
        case _:
            cookie_names([place])
    return Yield(name, source, place)
