"""Names that people confuse: `erin` and `ERIN`, one typed on a Mac, one with a Cyrillic letter.
They are shown before anything is written; both may be meant."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from core.importing.duplicates import DuplicateFinder
from core.models import Customer
from core.reasons import Code, Reason

# Letters that look like Latin ones: those of Unicode's confusables that occur in living names.
LOOK_ALIKES = str.maketrans(
    "авеѕіјкмнорстухԁԛԝαβεικνορτυχѵӏ",
    "abesijkmhopctyxdqwabeikvoptuxvl",
)
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|#[0-9]{1,6}|#x[0-9a-fA-F]{1,5});")
TWICE = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]")
# Spreadsheets drop them from a number.
ZEROS = re.compile("^0+(?=[0-9]+$)", re.MULTILINE)
SHOWN = 20
MOST_CUSTOMERS = 200_000


def skeletons(names: Sequence[str]) -> list[str]:
    """Names that look alike have the same skeleton."""
    joined = "\n".join(names)
    if joined.isascii():
        return ZEROS.sub("", joined.lower()).split("\n") if names else []
    return list(map(skeleton, names))


def skeleton(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(mark for mark in text if unicodedata.category(mark) not in ("Cf", "Mn"))
    return ZEROS.sub("", " ".join(seen.translate(LOOK_ALIKES).split()))


def alike_in_office(names: Sequence[str]) -> dict[str, list[str]]:
    """By name of the file, customers with a name that looks like it: the newest MOST_CUSTOMERS, for
    a file whose names fit into memory."""
    own = dict(zip(skeletons(names), names, strict=True))
    newest = Customer.objects.order_by("-pk").values_list("username", flat=True)[:MOST_CUSTOMERS]
    known = list(newest)
    found: dict[str, list[str]] = {}
    for key, username in zip(skeletons(known), known, strict=True):
        name = own.get(key)
        if name is not None and name != username:
            found.setdefault(name, []).append(username)
    return found


def is_damaged(name: str) -> bool:
    """UTF-8 saved as another encoding, `MÃ¼ller`, or signs as pages write them, `O&amp;Co`. Both
    can be meant."""
    if ENTITY.search(name):
        return True
    try:
        return bool(TWICE.search(name)) and not name.encode("cp1252").decode().isascii()
    except UnicodeError:
        return False


class SimilarNames:
    """Which skeletons appear more than once in a file of any length. Equal names share theirs too;
    the caller tells them apart."""

    def __init__(self) -> None:
        self.finder = DuplicateFinder()
        self.first_names: list[str] = []
        self.number = 0
        self.damaged: list[str] = []

    def add(self, names: Sequence[str]) -> None:
        self.finder.add(skeletons(names))
        if not self.number:
            self.first_names = list(names)
        self.number += len(names)
        joined = "\n".join(names)
        if ("&" in joined or not joined.isascii()) and len(self.damaged) <= SHOWN:
            self.damaged += filter(is_damaged, names)

    def notes(self, alike: Callable[[frozenset[int]], Iterable[Iterable[str]]]) -> list[Reason]:
        """`alike` finds, in groups, the names behind hashes of skeletons."""
        found = note(Code.NAMES_DAMAGED, self.damaged)
        if repeated := self.finder.repeated_hashes():
            groups = [" / ".join(group) for group in alike(repeated)]
            found += note(Code.NAMES_ALIKE, groups)
        if self.number == len(self.first_names):
            known = alike_in_office(self.first_names)
            groups = [f"{name} / {' / '.join(others)}" for name, others in known.items()]
            found += note(Code.NAMES_LIKE_CUSTOMERS, groups)
        return found


def note(code: Code, groups: Sequence[str]) -> list[Reason]:
    if not groups:
        return []
    more = ["…"] if len(groups) > SHOWN else []
    return [Reason.of(code, names="; ".join([*groups[:SHOWN], *more]))]
