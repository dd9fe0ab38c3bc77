"""Which encoding does a text have that is not UTF-8? That it can be decoded proves nothing: any
bytes can be GB18030 by chance. Its foreign words decide, and the person who knows them sees them.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache

from charset_normalizer import from_bytes

# The likeliest first; of equals the first wins.
ENCODINGS = (
    *("gb18030", "big5", "cp1252", "cp1250", "cp1251", "cp1254", "cp932"),
    *("cp949", "euc_jp", "koi8_r", "cp866", "mac_roman", "cp850"),
)
# What a person may choose, under the usual names.
NAMES = {
    "utf-8": "UTF-8",
    "gb18030": "GB18030 (简体中文)",
    "big5": "Big5 (繁體中文)",
    "cp1252": "Windows-1252 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Кириллица)",
    "cp1254": "Windows-1254 (Türkçe)",
    "cp932": "Shift-JIS (日本語)",
    "cp949": "EUC-KR (한국어)",
    "euc_jp": "EUC-JP (日本語)",
    "koi8_r": "KOI8-R (Кириллица)",
    "cp866": "DOS 866 (Кириллица)",
    "mac_roman": "Mac Roman",
    "cp850": "DOS 850",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
}
# What a person may choose for a text.
TEXT_ENCODINGS = ("utf-8", *ENCODINGS)
PLAUSIBLE, SURELY = 0.5, 0.9
# If another encoding comes as near as this to the best, its words are doubtful.
NEAR = 0.15
MOST_CHAOS = 0.05
WORDS_SHOWN = 5

WORD_ENDS = re.compile(r"[\x00-\x2f:-@\[-`{-\x7f\s]+")
WESTERN = frozenset("äöüßÄÖÜéèêëÉÈÊàâçÀÂÇñÑáíóúÁÍÓÚîïôûùÎÔøåæØÅÆœŒãõÃÕìòÌÒ")
CENTRAL = frozenset("ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽäöüßÄÖÜőűŐŰăâîÂÎôľĺđĐçÇë")
TURKISH = WESTERN | frozenset("şğıŞĞİ")
LETTERS = {"cp1250": CENTRAL, "cp1254": TURKISH}
CYRILLIC = {"cp1251", "koi8_r", "cp866"}
# In these a foreign blank is common, between thousands and beside Chinese signs.
WITH_BLANKS = ("gb18030", "cp1252")
VOWELS = frozenset("аеёиоуыэюяієїАЕЁИОУЫЭЮЯІЄЇ")
FEW_LETTERS, LEAST_VOWELS = 6, 0.2
# Common in names, companies and office words.
KOREAN = frozenset(
    "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민류나진지엄채원천방공현"
    "함변염여추도소석선설마길연위표명기반왕금옥육인맹제모은수영철희호준경미상동재태용훈혜숙자순식회사국울"
    "부산대객테스트가다라바아카타파보내무역점행광리안학교님"
)
FEW_SYLLABLES, MOST_COMMON, KNOWN_AS = 3, 0.75, 0.5
# Certain in any encoding: amounts, and words as word processors write them.
TYPED = re.compile(
    "[0-9]*[€£¥￥][0-9]*|“?(?:[A-Za-z]’)?[A-Za-z0-9]+(?:’(?:s|t|d|m|ll|re|ve))?”?", re.IGNORECASE
)
QUOTES = frozenset("’‘“”")
DEGREES = (b"\xb0C", b"\xb0F")  # as one sign
DASHES = frozenset("’‘“”–—…«»„·•€£¥©®°№")


@dataclass(frozen=True, slots=True)
class Guess:
    """`words` as they read in this encoding, doubtful ones first."""

    encoding: str
    words: Sequence[str]


def guess_encoding(
    lines: Sequence[bytes], can_decode: Callable[[str], bool], familiar: Collection[str]
) -> Guess | None:
    """The likeliest encoding of lines with foreign letters; None if none is plausible. `can_decode`
    tries the whole file; `familiar` words are common in such files."""
    scores: dict[str, float] = {}
    words: dict[str, list[str]] = {}
    for encoding in ENCODINGS:
        try:
            texts = [line.decode(encoding) for line in lines]
        except UnicodeDecodeError:
            continue
        words[encoding] = foreign_words(texts)
        scores[encoding] = plausibility(words[encoding], encoding, familiar)
    if is_korean(words.get("cp949", ())):
        scores["cp949"] += KNOWN_AS
    ranked = sorted(scores, key=lambda encoding: -scores[encoding])
    for place, encoding in enumerate(ranked):
        if scores[encoding] >= PLAUSIBLE and can_decode(encoding):
            others = [
                other for other in ranked[place + 1 :] if scores[other] > scores[encoding] - NEAR
            ]
            return Guess(encoding, shown_first(words, encoding, others))
    return library_guess(lines, can_decode)


def is_korean(words: Sequence[str]) -> bool:
    """Whether most signs are syllables of Korean names; Chinese read as Korean has rare ones."""
    marks = "".join(words)
    common = sum(mark in KOREAN for mark in marks)
    return len(marks) >= FEW_SYLLABLES and common >= MOST_COMMON * len(marks)


def library_guess(lines: Sequence[bytes], can_decode: Callable[[str], bool]) -> Guess | None:
    """Try the many encodings that are rare here."""
    for match in from_bytes(b"\n".join(lines), cp_exclusion=["utf_7", *ENCODINGS]):
        if match.chaos <= MOST_CHAOS and match.coherence > 0 and can_decode(match.encoding):
            texts = [line.decode(match.encoding) for line in lines]
            return Guess(match.encoding, foreign_words(texts)[:WORDS_SHOWN])
    return None


def shown_first(words: dict[str, list[str]], encoding: str, others: Sequence[str]) -> Sequence[str]:
    own = dict.fromkeys(words[encoding])
    sure = set(own).intersection(*(words[other] for other in others))
    return sorted(own, key=lambda word: word in sure)[:WORDS_SHOWN]


def foreign_words(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in WORD_ENDS.split(text) if not word.isascii()]


def plausibility(words: Sequence[str], encoding: str, familiar: Collection[str]) -> float:
    """From 0 to 1; long words weigh more, and a familiar word is proof. There are no words if the
    only foreign sign is a blank."""
    if not words and encoding in WITH_BLANKS:
        return 1
    if any(word in familiar for word in words):
        return 1.5
    weights = sum(map(len, words))
    score = sum(len(word) * word_score(word, encoding) for word in words) / max(1, weights)
    if encoding in CYRILLIC and not is_cyrillic("".join(words), encoding, score):
        score *= 0.4
    return score


def is_cyrillic(text: str, encoding: str, score: float) -> bool:
    """Whether as many letters are vowels as in people's names: Greek and Hebrew read so have fewer.
    Encodings rare by now must fit well, and KOI8 does not count without lower case."""
    letters = [mark for mark in text if mark.isalpha()]
    vowels = sum(mark in VOWELS for mark in letters)
    if encoding != "cp1251" and (score < SURELY or (encoding == "koi8_r" and text.isupper())):
        return False
    return len(letters) < FEW_LETTERS or vowels > LEAST_VOWELS * len(letters)


def word_score(word: str, encoding: str) -> float:
    if TYPED.fullmatch(word):
        return 1
    foreign = [mark for mark in word if not mark.isascii()]
    score = sum(mark_score(mark, encoding) for mark in foreign) / len(foreign)
    scripts = {script_of(mark) for mark in word if mark.isalpha()}
    if len(scripts) > 1 and not is_mixture(word, scripts):
        score *= 0.2
    if scripts <= {"LATIN", "CYRILLIC"}:
        letters = [mark for mark in word if mark.isalpha()]
        if not is_cased(word) or has_sign_inside(word):
            score *= 0.2
        elif "LATIN" in scripts and len(foreign) * 2 > len(letters) > 1:
            score *= 0.3
        elif is_stray(word.strip("0123456789"), word):
            score *= 0.4
    elif len(word) == 1 and word.encode(encoding) in DEGREES:
        score *= 0.7
    return score


def is_mixture(word: str, scripts: set[str]) -> bool:
    """`VIP客户` is a word, `M黮ler` is none; Japanese mixes its own scripts."""
    if scripts <= {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}:
        return "HANGUL" not in scripts
    if "CJK" in scripts or "HANGUL" in scripts or "KATAKANA" in scripts:
        return not re.search(r"[a-z][^\x00-\x7f]|[^\x00-\x7f][a-z]", word)
    return False


def is_stray(letters: str, word: str) -> bool:
    """A lone letter or quotation mark, or two letters beside digits: a currency sign read in
    another encoding."""
    is_short = len(letters) <= (1 if letters == word else 2)
    return is_short and (letters.isalpha() or letters in QUOTES)


def is_cased(word: str) -> bool:
    parts = [part for part in re.split(r"[’\d]", word) if part]
    return all(part in (part.lower(), part.upper(), part[:1] + part[1:].lower()) for part in parts)


def has_sign_inside(word: str) -> bool:
    return any(not (mark.isalnum() or mark == "’") for mark in word[1:-1])


@cache
def script_of(mark: str) -> str:
    return unicodedata.name(mark, "").split(" ", 1)[0].split("-")[0]


@cache
def mark_score(mark: str, encoding: str) -> float:
    """How common a sign is in texts of this encoding."""
    kind = unicodedata.category(mark)
    if kind in ("Cc", "Cn", "Co", "Cs", "Cf"):
        return 0
    if encoding in EASTERN:
        return eastern_score(mark, encoding)
    if not mark.isalpha():
        return 0.8 if mark in DASHES else 0.1
    if encoding in CYRILLIC:
        return 1 if script_of(mark) == "CYRILLIC" else 0.2
    return 1 if mark in LETTERS.get(encoding, WESTERN) else 0.3


# The leading bytes of common signs in each, and its codec.
EASTERN = {
    "gb18030": ("gb2312", range(0xB0, 0xD8)),
    "big5": ("big5", range(0xA4, 0xC7)),
    "cp932": ("cp932", range(0x88, 0x98)),
    "cp949": ("euc_kr", range(0xB0, 0xC9)),
    "euc_jp": ("euc_jp", range(0xB0, 0xD0)),
}


def eastern_score(mark: str, encoding: str) -> float:
    if "\uff61" <= mark <= "\uff9f":  # half-width: single bytes that may be anything
        return 0.1
    if encoding in ("cp932", "euc_jp") and script_of(mark) in ("HIRAGANA", "KATAKANA"):
        return 1
    codec, common = EASTERN[encoding]
    try:
        lead = mark.encode(codec)[0]
    except UnicodeEncodeError:
        return 0.1
    if lead in common:
        return 1
    return 0.4 if mark.isalnum() else 0.9
