"""The header: which column is which, in English or Chinese, in any order.

An unknown column is an error and never left out in silence: "mobil" would lose every number.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.importing.detection import FileError
from core.reasons import Code, Reason

# What our own export says beside; an import leaves it out, so that an export can be changed and
# come back.
EXPORTED = ("creator", "create date")
# Ours, in the files of refused rows: what comes back mended may still carry them.
REMARKS = ("line", "reason")

ALIASES = {
    "username": (
        *("username", "user name", "user", "name", "account", "customer", "customer name"),
        *("用户名", "用户", "账号", "账户", "客户", "客户名", "客户名称", "姓名", "名称"),
    ),
    "mobile": (
        *("mobile", "mobile number", "phone", "phone number", "telephone"),
        *("手机", "手机号", "手机号码", "电话", "电话号码", "联系电话"),
    ),
    "balance": (
        *("balance", "opening balance", "initial balance", "starting balance"),
        *("余额", "期初余额", "初始余额", "开户余额", "账户余额"),
    ),
    "active": ("active", "enabled", "启用", "是否启用", "有效"),
    "memo": ("memo", "note", "notes", "comment", "remark", "remarks", "备注", "说明"),
    "amount": ("amount", "charge", "top-up", "金额", "充值金额", "充值"),
    "url": (
        "url",
        "address",
        "video",
        "link",
        "链接",
        "地址",
        "网址",
        "视频地址",
        "视频链接",
        "视频",
    ),
    "count": ("count", "plays", "views", "quantity", "数量", "播放量", "播放次数", "次数"),
    "line": ("line", "行"),
    "reason": ("reason", "原因"),
    "password": ("password", "passwd", "pwd", "密码"),
}

# What a cell of each holds, for people.
HOLDS = {
    "username": gettext_lazy("the customer's username"),
    "mobile": gettext_lazy("digits, with or without a + in front"),
    "balance": gettext_lazy("the opening balance, such as 1200.50"),
    "active": gettext_lazy("yes or no"),
    "memo": gettext_lazy("any text"),
    "amount": gettext_lazy("the money received, such as 1200.50"),
    "url": gettext_lazy("the address of the video"),
    "count": gettext_lazy("the number of plays"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one file: field name -> its index, the header as it was written, and the
    indexes of our own remarks."""

    header: Sequence[str]
    places: Mapping[str, int]
    remarks: frozenset[int] = frozenset()

    @property
    def width(self) -> int:
        return len(self.header)

    def cells(self, rows: Sequence[Sequence[str]], name: str) -> list[str] | None:
        """One column of rows that all have this width. Returns None where there is none."""
        index = self.places.get(name)
        return None if index is None else [row[index] for row in rows]

    def own(self, row: Sequence[str]) -> Sequence[str]:
        """A row, or the header, without our remarks of an earlier upload."""
        if not self.remarks:
            return row
        return [cell for index, cell in enumerate(row) if index not in self.remarks]

    def title(self, name: str) -> str:
        """A field's column as the file calls it; the field's own name where the file has none."""
        return self.header[self.places[name]] if name in self.places else name


def layout_of(header: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> Layout:
    """Raises FileError that names every column that is wrong."""
    known = {plain(alias): name for name, aliases in ALIASES.items() for alias in aliases}
    taken = {*required, *optional, *REMARKS}
    places: dict[str, int] = {}
    unknown: list[str] = []
    twice: list[str] = []
    for index, title in enumerate(header):
        name = known.get(plain(title), "")
        if name == "password":
            raise FileError(Reason.of(Code.PASSWORDS_IN_FILE))
        if plain(title) in EXPORTED:
            continue
        if name not in taken:
            unknown.append(title.strip()[:40] or _("(no name, number %(n)s)") % {"n": index + 1})
        elif name in places:
            twice.append(title.strip())
        else:
            places[name] = index
    if unknown:
        raise FileError(
            Reason.of(
                Code.COLUMNS_UNKNOWN,
                columns=", ".join(unknown),
                known=", ".join((*required, *optional)),
            )
        )
    if twice:
        raise FileError(Reason.of(Code.COLUMNS_REPEATED, columns=", ".join(twice)))
    if missing := [name for name in required if name not in places]:
        raise FileError(Reason.of(Code.COLUMNS_MISSING, columns=", ".join(missing)))
    remarks = frozenset(places.pop(name) for name in REMARKS if name in places)
    return Layout(list(header), places, remarks)


def plain(title: str) -> str:
    """A title without what does not tell columns apart: case, width, blanks, underscores."""
    text = unicodedata.normalize("NFKC", title).casefold()
    return " ".join(text.replace("_", " ").split())
