"""Where a number stands in what a site answers: along a path in JSON, or in the text of a page.

JSON paths: `data.views`, `items[0].views`, `data["a.b"]`, `videos[{video_id}].views` for objects
that are keyed by id, `items[id={video_id}].views` for lists.
"""

import codecs
import html
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self, TypeGuard

import regex

from booster.exceptions import PermanentError, SiteCode
from booster.net.call import Response
from booster.sites.templates import Value

MAX_COUNT = 2**63 - 1
MAX_DIGITS = 20
MAX_KEYS = 10
# Staff's expressions meet text from elsewhere: they end after this time, ...
PATTERN_SECONDS = 0.25
# ... and rest for so many times as long: a round reads all its counters in one thread.
REST_AFTER_SLOW = 40.0
# After a marker: how far the number may be behind tags and spaces, and how long it may be as a
# page writes it.
MARKER_REACH, NUMBER_REACH = 300, 120
MARKERS_LOOKED_AT = 1000
# Encodings of Python's that no page has, some of which take long.
NO_CHARSETS = frozenset(
    {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined"}
)

# Where a page says its encoding itself (bytes), as browsers look for it.
DECLARED_WITHIN = 1024
# What pages mean by these.
WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "utf-8": "utf-8-sig"}

_KEY = regex.compile(
    r"""(?:^|(?<=.)\.)(?P<plain>[^.\[\]]+)
    | \[ \s* (?:
        (?P<index>[0-9]{1,9})
      | (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<placeholder>\{[a-z_]+\})
      | (?P<field>[^\[\]=."'{}\s]+) \s*=\s*
        (?P<wanted>\{[a-z_]+\}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\[\]"'{}\s]+)
      ) \s* \]""",
    regex.VERBOSE,
)

_SPACES = "\u0020\u00a0\u2009\u202f"
_GROUPS = ",.'\u2019\u066c_"  # between groups of digits, besides spaces
_GROUPED = "|".join(
    [
        "[0-9]{1,18}",
        rf"[1-9][0-9]{{0,2}}(?:[{_GROUPS}{_SPACES}][0-9]{{3}}){{1,5}}",
        "[0-9]{1,2}(?:,[0-9]{2}){1,6},[0-9]{3}",  # as in India: 12,34,567
    ]
)
# Numbers as pages show them: 1234, or in groups.
_NUMBER = regex.compile(_GROUPED)
# Words for thousands and more, as the Unicode CLDR has them. Some letters in their case alone: "e"
# means "and". In languages without spaces others follow at once.
_UNIT = (
    r"(?:[千万萬亿億천만억]|พัน|หมื่น|แสน|ล้าน|\+"
    r"|(?:kk?|[mb]|bn|mn|mi|mio|mill?|mila|mille|mill?iers?|milers?|milj|mlj|ml[nrd]|mrd?|md"
    r"|ml?j?r?d|mia|mii|mie|de mi[il]\p{L}*|mijë|rb|ribu|jt|juta|tn|tsd|tys|tis|tuh|bi|bin|cr|tr"
    r"|lakhs?|crores?|ezer|thousand|tausend|tus[ei]nd?|du[iy][sz]end|nghìn|ngàn|triệu|tỷ|tỉ|libo|þ|тыс"
    r"|тис|мил|млн|млрд|млд|хил|хиљ|илј|мың|миң|[км]|εκ|(?-i:[tTEGJLN])"
    r"|(?:t[yi]si[ąęc]|tis[íuo]|t[ūu]kst|tuhat|hilj|þús|[mb]il(?:l?[ijhy]|ij|l)[oóõãuw]"
    r"|mil(?:l?[ijy]|ij)[aá]|т[ыи]сяч|хил|хиљ|илјад|м[иі]л(?:л?и[оа]|ь[йяё]|иј)"
    r"|χιλ|εκατομμ|δισ)[\p{L}\p{M}]*"
    r"|हज़ार|हज़ार|हजार|लाख|करोड़|करोड़|करोड|अरब|হাজার|লাখ|কোটি|ألف|آلاف|مليون|ملايين|مليار|هزار|میلیون"
    r"|میلیارد|ہزار|لاکھ|کروڑ|ارب)(?![\p{L}\p{M}\p{N}-]))"
)
_ROUNDED = regex.compile(
    rf"[0-9][0-9{_GROUPS}\u066b{_SPACES}]*[{_SPACES}]?{_UNIT}\.?\+?", regex.IGNORECASE
)
_AFTER_MARKER = regex.compile(
    rf"(?:<[^<>]{{0,300}}>|[\s{_SPACES}])*+"
    rf"(?P<views>[0-9](?:[0-9{_GROUPS}\u066b{_SPACES}]*[0-9])?"
    rf"(?:[{_SPACES}]?{_UNIT})?)",
    regex.IGNORECASE,
)
# Between groups as it stands in a page, and what follows and precedes a part of a number.
_BETWEEN = rf"(?:[{_GROUPS}{_SPACES}]|&#?\w{{1,8}};)"
_GOES_ON = regex.compile(rf"(?:,\d{{2}})*{_BETWEEN}\d{{3}}(?!\d)")
_BEGAN = regex.compile(rf"(?<![\w:/.,'-])[1-9]\d{{0,2}}(?:{_BETWEEN}\d{{2,3}})*{_BETWEEN}$")
_IN_ARRAY = regex.compile(r"\]|,\S")
_ROUNDS = regex.compile(
    rf"(?:[.,\u066b]\d{{1,3}})?(?:[{_SPACES}]|&#?\w{{1,8}};)?{_UNIT}", regex.IGNORECASE
)
_OTHER_DIGIT = regex.compile(r"(?V1)[\p{Nd}--[0-9]]")

_CHARSET = re.compile(rb"(?i)charset=[\"']?([\w.:-]{1,40})")
# Of HTML and XML.
_DECLARED = re.compile(
    rb"(?i)<(?:meta\b[^<>]{1,300}\bcharset|\?xml\b[^<>]{1,100}\bencoding)\s*=\s*[\"']?([\w.:-]{1,40})"
)

_rests_until: dict[str, float] = {}  # by the expression as staff wrote it


@dataclass(frozen=True, slots=True)
class JsonKey:
    """A key, or the element of a list whose `field` is `key`. `{video_id}` may stand in it."""

    key: str
    field: str = ""

    def into(self, value: Any, values: Mapping[str, Value]) -> Any:
        """KeyError where it leads nowhere."""
        key = self.key
        for name, filled in values.items():
            key = key.replace(f"{{{name}}}", filled.text)
        if self.field:
            return next(one for one in _elements(value) if _says(one, self.field, key))
        if isinstance(value, dict):
            return value[key]
        if isinstance(value, list) and key.isdecimal() and key.isascii():
            return value[int(key)]
        raise KeyError(key)


@dataclass(frozen=True, slots=True)
class JsonPath:
    text: str
    keys: tuple[JsonKey, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """ValueError: no path, its text saying where it breaks off."""
        keys: list[JsonKey] = []
        end = 0
        while end < len(text):
            found = _KEY.match(text, end)
            if found is None or len(keys) == MAX_KEYS:
                raise ValueError(text[end : end + 40])
            keys.append(_json_key(found))
            end = found.end()
        return cls(text, tuple(keys))

    @property
    def names(self) -> frozenset[str]:
        keys = " ".join(one.key for one in self.keys)
        return frozenset(re.findall(r"\{([A-Za-z_]+)\}", keys))

    def value_in(self, answer: Any, values: Mapping[str, Value]) -> Any:
        """PermanentError: nothing stands there."""
        value = answer
        try:
            for key in self.keys:
                value = key.into(value, values)
        except (KeyError, IndexError, StopIteration):
            raise PermanentError(SiteCode.NO_VIEW_COUNT, path=self.text) from None
        return value


def _json_key(found: "regex.Match[str]") -> JsonKey:
    if found["field"]:
        return JsonKey(_unquoted(found["wanted"]), found["field"])
    if found["quoted"]:
        return JsonKey(_unquoted(found["quoted"]))
    return JsonKey(found["plain"] or found["index"] or found["placeholder"])


def _unquoted(text: str) -> str:
    """Double quotes as in JSON."""
    if text[0] == '"':
        with suppress(ValueError):
            return str(json.loads(text))
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else text


def _elements(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()


def _says(element: Any, field: str, wanted: str) -> bool:
    if not isinstance(element, dict) or field not in element:
        return False
    said = element[field]
    return isinstance(said, str | int) and not isinstance(said, bool) and str(said) == wanted


def text_of(response: Response) -> str:
    """A page in the encoding that its head or itself names, else in UTF-8."""
    told = response.headers.get("Content-Type", "").encode("latin-1", "replace")
    named = _CHARSET.search(told) or _DECLARED.search(response.body[:DECLARED_WITHIN])
    try:
        encoding = codecs.lookup(named[1].decode()).name if named else "utf-8"
        if encoding.replace("_", "-") in NO_CHARSETS:
            encoding = "utf-8"
        return response.body.decode(WIDER.get(encoding, encoding), "replace")
    except (LookupError, UnicodeError, ValueError):
        return response.body.decode("utf-8", "replace")


def search(
    pattern: "regex.Pattern[str]", text: str, field: str, source: str = ""
) -> "regex.Match[str] | None":
    """PermanentError if it takes long, or one of the same `source` took long a moment ago."""
    began = time.monotonic()
    if began < _rests_until.get(source, 0.0):
        raise PermanentError(SiteCode.RECIPE_TOO_SLOW, field=field)
    try:
        return pattern.search(text, timeout=PATTERN_SECONDS)
    except TimeoutError:
        if source:
            ended = time.monotonic()
            _rests_until[source] = ended + REST_AFTER_SLOW * (ended - began)
        raise PermanentError(SiteCode.RECIPE_TOO_SLOW, field=field) from None


def filled_pattern(pattern: str, values: Mapping[str, Value]) -> "regex.Pattern[str]":
    """With the video's id as plain text. PermanentError: the id makes no expression where it stands
    (`\\{video_id}`, `[a-{video_id}]`)."""
    for name, value in values.items():
        pattern = pattern.replace(f"{{{name}}}", regex.escape(value.text))
    try:
        return regex.compile(pattern)
    except (regex.error, ValueError, RecursionError, OverflowError, MemoryError) as error:
        raise PermanentError(SiteCode.RECIPE_NOT_VALID, error=f"count_pattern: {error}") from None


def number_after(marker: str, text: str) -> str | None:
    """The number that follows the marker, tags and spaces between them apart."""
    end = 0
    for _number in range(MARKERS_LOOKED_AT):
        begin = text.find(marker, end)
        if begin < 0:
            break
        end = begin + len(marker)
        # A number is never cut: "1&nbsp;204" is no 1, nor is what begins within reach.
        after = in_plain_digits(html.unescape(text[end : end + MARKER_REACH + NUMBER_REACH]))
        found = _AFTER_MARKER.match(after)
        if found and found.start("views") < MARKER_REACH:
            return found["views"]
    return None


def refuse_cut(found: "regex.Match[str]", group: str | int) -> None:
    """PermanentError: an expression's group takes 1 or 204 out of 1,204 (right until the count has
    four digits), or 12 out of 12K. In an array numbers stand side by side."""
    start, end = found.span(group)
    text, taken = found.string, found[group]
    if taken and (after := _ROUNDS.match(text, end)):
        raise PermanentError(SiteCode.VIEW_COUNT_ROUNDED, value=text[start : after.end()][:80])
    begin, rest = start, end
    if text[max(0, start - 1) : start] not in ("[", ",") and regex.fullmatch(
        r"\d{1,3}", taken or ""
    ):
        rest = after.end() if (after := _GOES_ON.match(text, end)) else end
    if regex.match(r"\d{3}(?!\d)", taken or "") and not _IN_ARRAY.match(text, end):
        reach = max(0, start - NUMBER_REACH)
        begin = reach + before.start() if (before := _BEGAN.search(text[reach:start])) else start
    if (begin, rest) != (start, end):
        raise PermanentError(SiteCode.VIEW_COUNT_CUT, value=text[begin:rest][:80])


def in_plain_digits(text: str) -> str:
    """With 0 to 9 for the digits of every script, each in its place: ١٢ is 12."""
    return _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text)


def is_count(value: object) -> TypeGuard[int]:
    """Whether a counter may show it. bool is an int to Python, and no count."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def whole_number(value: Any) -> int:
    """A count as JSON or a page gives it: 1234, 1234.0, "1234" or "1,234". PermanentError: what was
    rounded ("1.2K", 1.2e3), and all else."""
    if isinstance(value, Decimal) and abs(value.adjusted()) < MAX_DIGITS:
        if "E+" in str(value):  # written with fewer digits than it has
            raise PermanentError(SiteCode.VIEW_COUNT_ROUNDED, value=str(value))
        value = int(value) if value == int(value) else value
    # In a longer text a unit would be looked for from each of its digits.
    if isinstance(value, str) and len(value := value.strip()) <= NUMBER_REACH:
        text = in_plain_digits(html.unescape(value)).strip(f"\t\r\n{_SPACES}")
        if _NUMBER.fullmatch(text):
            value = int("".join(char for char in text if char.isdecimal()))
        elif _ROUNDED.fullmatch(text):
            raise PermanentError(SiteCode.VIEW_COUNT_ROUNDED, value=text[:80])
    if not is_count(value):
        raise PermanentError(SiteCode.NOT_A_VIEW_COUNT, value=str(value)[:80])
    return value
