"""The header: which column is which, in English or Chinese, in any order.

An unknown column is an error and never skipped in silence: "mobil" would lose every number.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from core.importing.detection import FileError
from core.money import CURRENCIES
from core.reasons import Code

# An import skips these columns of our own export, so that an export can be edited and uploaded.
EXPORTED = ("creator", "create date")
# Our own columns in files of refused rows, which people mend and upload again.
REMARKS = ("line", "reason")

AMOUNTS = {"amount", "balance"}
# Only the beginning of a title is looked at.
TITLE_LENGTH = 200
DECORATION = " *:.#'\"\u203b\u2217\u2605\u201c\u201d\u2018\u2019\u2191\u2193\u25b2\u25bc"
BLANKS = str.maketrans("_-.", "   ")
# The currency of an amount, by up to three names: `US$`, `RMB/元`. `万元` is none: it multiplies.
MONEY = rf"(?:{CURRENCIES}|yuan|(?:us|hk|nt|cn|jp|[acrs])? ?[¥€$£])"
MONIES = rf"{MONEY}(?:[ /,]*{MONEY}){{0,2}}"
REMARK = re.compile(
    r"(?:\s*[(\[【〔](?:required|optional|digits|必填|选填|可选|"
    rf"(?:in |单位: ?)?{MONIES})\s?[)\]】〕])+$"
    rf"|(?:/| in |,? ){MONIES}$",
    re.IGNORECASE,
)
NUMBERING = re.compile(r"^[0-9]{1,2}(?:[.)] +|、 ?)")
# Chinese has no blanks; a title of two lines gets one where they meet.
BLANK_IN_CHINESE = re.compile("(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")

ALIASES = {
    "username": (
        *("username", "user name", "user", "name", "account", "customer", "customer name"),
        *("用户名", "用户", "账号", "账户", "客户", "客户名", "客户名称", "姓名", "名称"),
        *("用户名称", "客户姓名", "用戶名", "客戶", "客戶名稱", "帳號", "帳戶"),
    ),
    "mobile": (
        *("mobile", "mobile number", "phone", "phone number", "telephone"),
        *("mobile no", "phone no", "tel", "cell", "cell phone", "手機", "手機號", "電話"),
        *("手机", "手机号", "手机号码", "电话", "电话号码", "联系电话"),
    ),
    "balance": (
        *("balance", "opening balance", "initial balance", "starting balance"),
        *("余额", "期初余额", "初始余额", "开户余额", "账户余额", "餘額", "帳戶餘額"),
    ),
    "active": ("active", "enabled", "启用", "是否启用", "有效"),
    "memo": ("memo", "note", "notes", "comment", "remark", "remarks", "备注", "说明"),
    "amount": ("amount", "charge", "top-up", "金额", "充值金额", "充值"),
    "reference": (
        *("reference", "reference number", "payment reference", "payment number"),
        *("transaction", "transaction id", "transaction number", "流水号", "交易号", "付款编号"),
    ),
    "method": (
        *("method", "paid by", "payment method", "paid with"),
        *("支付方式", "付款方式", "支付渠道"),
    ),
    "url": (
        *("url", "address", "video", "link"),
        *("链接", "地址", "网址", "视频地址", "视频链接", "视频"),
    ),
    "count": ("count", "plays", "views", "quantity", "数量", "播放量", "播放次数", "次数"),
    "start": (
        *("start", "start date", "start time", "planned start"),
        *("开始", "开始时间", "开始日期", "计划开始"),
    ),
    "line": ("line", "行"),
    "reason": ("reason", "原因"),
    "password": ("password", "passwd", "pwd", "密码"),
}

# What a cell of each column holds, for people.
HOLDS = {
    "username": gettext_lazy("the customer's username"),
    "mobile": gettext_lazy("digits, with or without a + in front"),
    "balance": gettext_lazy(
        "the opening balance, such as 1200.50; for those who may adjust balances"
    ),
    "active": gettext_lazy("yes or no"),
    "memo": gettext_lazy("any text"),
    "amount": gettext_lazy("the money received, such as 1200.50"),
    "reference": gettext_lazy("the payment's own number; it is never credited twice"),
    "method": gettext_lazy(
        "how it was paid: cash, bank transfer, card, Alipay, WeChat Pay or other"
    ),
    "url": gettext_lazy("the address of the video"),
    "count": gettext_lazy("the number of plays"),
    "start": gettext_lazy("when it starts, such as 2026-12-03 09:00; empty: at once"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one file: the index of each field, the header as written, and the indexes of
    our own remarks and of columns without a title, which must be empty."""

    header: Sequence[str]
    places: Mapping[str, int]
    remarks: frozenset[int] = frozenset()
    nameless: Sequence[int] = ()
    # Whether it has the extra columns of our own export.
    is_export: bool = False

    @property
    def width(self) -> int:
        return len(self.header)

    def name_at(self, index: int) -> str:
        """The field of a column; "" if it has none."""
        return next((name for name, place in self.places.items() if place == index), "")

    def is_header(self, row: Sequence[str]) -> bool:
        """Whether a row holds the titles of its columns and nothing else."""
        places = self.places.items()
        told = [(name, index) for name, index in places if index < len(row) and row[index]]
        if len(told) == 1:
            return all(plain(row[index]) == plain(self.header[index]) for _name, index in told)
        return all(KNOWN.get(plain(row[index])) == name for name, index in told)

    def cells(self, rows: Sequence[Sequence[str]], name: str) -> list[str] | None:
        """One column of rows of equal width; None if the file does not have it."""
        index = self.places.get(name)
        return None if index is None else [row[index] for row in rows]

    def own(self, row: Sequence[str]) -> Sequence[str]:
        """A row, or the header, without our remarks of an earlier upload."""
        return [cell for index, cell in enumerate(row) if index not in self.remarks]

    def title(self, name: str) -> str:
        """A field's column as the file calls it, else the field's own name."""
        return self.header[self.places[name]] if name in self.places else name


def layout_of(header: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> Layout:
    """Raises FileError that names every wrong column."""
    taken = {*required, *optional, *REMARKS}
    places: dict[str, int] = {}
    unknown: list[str] = []
    twice: list[str] = []
    nameless: list[int] = []
    is_export = False
    for index, title in enumerate(header):
        text = plain(title)
        name = KNOWN.get(text, "")
        if name == "password":
            raise FileError.of(Code.PASSWORDS_IN_FILE)
        if text in EXPORTED:
            is_export = True
        elif not text:
            nameless.append(index)
        elif name not in taken:
            unknown.append(title.strip()[:40])
        elif name in places:
            twice.append(title.strip())
        else:
            places[name] = index
    if unknown:
        raise FileError.of(
            Code.COLUMNS_UNKNOWN,
            columns=", ".join(unknown),
            known=", ".join((*required, *optional)),
        )
    if twice:
        raise FileError.of(Code.COLUMNS_REPEATED, columns=", ".join(twice))
    if missing := [name for name in required if name not in places]:
        raise FileError.of(Code.COLUMNS_MISSING, columns=", ".join(missing))
    remarks = frozenset(places.pop(name) for name in REMARKS if name in places)
    return Layout(list(header), places, remarks, nameless, is_export)


def plain(title: str) -> str:
    """A title without case, width, blanks, underscores, stars, invisible signs, and the remark that
    it is required."""
    seen = "".join(mark for mark in title[:TITLE_LENGTH] if unicodedata.category(mark) != "Cf")
    text = unicodedata.normalize("NFKC", seen).casefold()
    text = NUMBERING.sub("", " ".join(text.split()))
    text = REMARK.sub("", " ".join(text.translate(BLANKS).split()).strip(DECORATION))
    return BLANK_IN_CHINESE.sub("", text.strip(DECORATION))


def is_known(title: str) -> bool:
    return plain(title) in KNOWN or plain(title) in EXPORTED


def is_any_header(row: Sequence[str]) -> bool:
    """Whether it holds only titles of ours, the customer's among them."""
    names = [KNOWN.get(plain(cell), "") for cell in row if cell.strip()]
    return len(names) > 1 and "username" in names and all(names)


KNOWN = {plain(alias): name for name, aliases in ALIASES.items() for alias in aliases}
