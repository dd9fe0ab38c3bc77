"""Ids of videos as they stand in addresses, each in exactly one way: two orders on one counter
would prove each other's plays.

An id is kept as people read it: encoded letters are decoded, in any script, while an encoded slash
or space stays encoded. Where an address holds a second part that the site asks for (`key`), both
are kept in one text.
"""

from urllib.parse import quote, unquote

import regex

from booster.exceptions import PermanentError, SiteCode
from booster.sites.templates import KEY, VIDEO_ID, Value

MAX_PART, MAX_ID = 128, 200
SEPARATOR = "|"  # cannot stand in an address as it is

# Raw characters of an id: letters and digits of any script (with their marks), and what means
# nothing in a path or is written anew in a query.
_RAW = regex.compile(r"(?:[\p{L}\p{N}\p{M}._~:@!,=/-]|%[0-9A-Fa-f]{2})+")
_ENCODED = regex.compile(r"(?:%[0-9A-Fa-f]{2})+")
_PLAIN = regex.compile(r"[\p{L}\p{N}\p{M}._~:@!,=-]")
# What would mean something in JSON, a page or a recipe, once it is decoded.
_FORBIDDEN = regex.compile(r"[\p{C}\"\\{}<>]")


def of_query(value: str) -> str:
    """As an address has it anywhere: forms write a space of its query as +."""
    return value.replace("+", "%20")


def join(video_id: str, key: str | None) -> str:
    """One id from what an address holds. PermanentError: what cannot be an id."""
    parts = [_canonical(part) for part in (video_id, key) if part is not None]
    joined = SEPARATOR.join(parts)
    if len(joined) > MAX_ID:
        raise PermanentError(SiteCode.NOT_A_VIDEO_ID, video=joined[:MAX_PART])
    return joined


def values_of(joined: str) -> dict[str, Value]:
    """What fills {video_id} and, where there is one, {key}."""
    return {
        name: Value(unquote(part), quote(part, safe="%/:@!,=~"))
        for name, part in zip((VIDEO_ID, KEY), joined.split(SEPARATOR), strict=False)
    }


def _canonical(raw: str) -> str:
    try:
        if len(raw) > 3 * MAX_PART or not _RAW.fullmatch(raw):
            raise ValueError
        found = _ENCODED.sub(lambda run: _decoded(run[0]), raw)
        plain = unquote(found)
        segments = plain.split("/")
        if len(found) > MAX_PART or _FORBIDDEN.search(plain) or {"", ".", ".."} & {*segments}:
            raise ValueError
    except ValueError:
        raise PermanentError(SiteCode.NOT_A_VIDEO_ID, video=raw[:MAX_PART]) from None
    return found


def _decoded(run: str) -> str:
    """A run of encoded bytes with its letters decoded. ValueError: it is no UTF-8."""
    text = unquote(run, errors="strict")
    return "".join(char if _PLAIN.match(char) else quote(char, safe="") for char in text)
