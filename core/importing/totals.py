"""Rows that add up the others or are notes, in the place of a customer. Words reveal them; the last
row of a file also its amount."""

import re
from collections.abc import Sequence
from decimal import Decimal

from core.importing.similar_names import skeleton
from core.reasons import Code, Reason

WORDS = (
    *("overall", "average", "summe", "gesamt", "gesamtsumme", "gesamtbetrag", "zwischensumme"),
    *("ergebnis", "gesamtergebnis", "somme", "totale", "totaal", "razem", "celkem", "итого"),
    *("всего", "合计", "总计", "小计", "总和", "共计", "汇总", "累计", "总额", "平均", "合計"),
    *("總計", "小計", "集計", "総計", "합계", "총계", "소계", "σ", "∑"),
)
OF_WORDS = frozenset(map(skeleton, WORDS))
# Sums: `Total amount`, `Page total`, `Total 2026`, `本页合计`, `合计金额`.
ENGLISH = re.compile(
    r"(?:(?:grand|sub|net|gross|overall|page|balance|final) ?)?(?:totals?|sums?)"
    r"(?: (?:amount|balance|sum|general|général|geral|cny|rmb|usd|eur|gbp|hkd|twd|jpy|"
    r"[0-9€$£¥].*))?"
)
CHINESE = re.compile(
    "(?:本页|本月|全部|金额|余额)?(?:合计|总计|小计|总|共计|汇总|累计)(?:金额|余额|人数|元|数)"
    "|(?:本页|本月|全部|金额|余额)(?:合计|总计|小计|汇总|累计)"
)
# Each sum contains one of these: a quick test.
LIKELY = (
    *("tota", "t o t", "sum", "average", "gesamt", "overall", "ergebnis", "somme", "razem"),
    *("celkem", "合", "总", "小", "共", "汇", "累", "平", "總", "集", "総"),
    *("합", "총", "소", "σ", "∑"),
    *map(skeleton, ("итого", "всего")),
)
IN_BRACKETS = re.compile(r"(?<=\w) ?[(\[][^)\]]*[)\]]$")
MARKS = " :.*=#-\u2013\u2014()[]"
LEAST_ROWS = 3
# Around a table: number of rows, pages, author, notes.
NOTE = re.compile(
    r"^(?:"
    r"(?:count|records?|rows?|customers?|entries|(?:no\.|number) of [a-z]+) ?[:=] ?[0-9]+"
    r"|[0-9]+ (?:customers?|rows?|records?|users?|accounts?|items?|entries)(?: selected)?"
    r"|page [0-9]+ ?(?:of|/) ?[0-9]+|第 ?[0-9]+ ?[页頁].*|共 ?[0-9]+ ?[人条页位个户行名].*"
    r"|(?:prepared|printed|created|generated|exported|checked|approved|updated|reviewed) "
    r"(?:by|on|at|from)\b.*"
    r"|(?:制表|审核|打印|制单|复核|填表|导出|更新|经办)(?:人|时间|日期|员)? ?:.*"
    r"|(?:notes?|remarks?|source|备注|说明|注|来源) ?:.*"
    r"|[-* ]*(?:end of (?:report|list|file|table|data)|以下空白)[-* .]*"
    r")$",
    re.MULTILINE,
)


def is_total(key: str) -> bool:
    """By a name's skeleton."""
    said = IN_BRACKETS.sub("", key.split(":", 1)[0].strip(" :."))
    parts = said.strip(MARKS).replace("-", " ").split()
    text = ("" if all(len(part) == 1 for part in parts) else " ").join(parts)
    return bool(text in OF_WORDS or ENGLISH.fullmatch(text) or CHINESE.fullmatch(text))


def totals_among(keys: Sequence[str]) -> list[int]:
    """Indexes of names that are sums, by their skeletons."""
    joined = "\n".join(keys)
    if not any(sign in joined for sign in LIKELY):
        return []
    return [
        index
        for index, key in enumerate(keys)
        if any(sign in key for sign in LIKELY) and is_total(key)
    ]


def notes_among(keys: Sequence[str]) -> list[int]:
    if not NOTE.search("\n".join(keys)):
        return []
    return [index for index, key in enumerate(keys) if NOTE.search(key)]


class LastRow:
    """Whether a file's last row equals the sum of all rows above it."""

    def __init__(self) -> None:
        self.sum = self.last = Decimal(0)
        self.rows = self.line = 0
        self.name = ""

    def add(self, lines: Sequence[int], names: Sequence[str], amounts: Sequence[str]) -> None:
        if not amounts:
            return
        self.sum += sum(map(Decimal, amounts), Decimal(0))
        self.rows += len(amounts)
        self.line, self.name, self.last = lines[-1], names[-1], Decimal(amounts[-1])

    @property
    def notes(self) -> list[Reason]:
        if self.rows < LEAST_ROWS or not self.last or self.last * 2 != self.sum:
            return []
        return [Reason.of(Code.LAST_ROW_IS_SUM, line=self.line, name=self.name)]
