"""Files as people have them: seeded, so that a file that fails is the same file again.

`messy_files(seed)` makes the kinds below, each with what a clerk would say it holds, or what is
wrong with it: `KINDS` of them for one seed. `messy_sheet()` is one ordinary sheet with the habits
of many hands.
"""

import gzip
import io
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import xlsxwriter
from openpyxl import Workbook

from tests.workbooks import SHEET, saved, with_part

WESTERN = ("Müller", "José Peña", "Zoë", "François", "Bärbel Groß", "Søren", "Chloé")
TURKISH = ("Ayşe", "Işıl Doğan", "Güneş", "Çağla")
CENTRAL = ("Łukasz", "Jiří Dvořák", "Žofie", "Świętosława", "Květoslav")
CYRILLIC = ("Иванов", "Петрова", "Сергей", "Ольга Николаевна")
CHINESE = ("李雷", "韩梅梅", "王小明", "张伟", "刘洋", "陈静", "城市航拍")
TRADITIONAL = ("陳大文", "黃小華", "測試資料", "劉德明", "張學友", "客戶服務")
JAPANESE = ("山田太郎", "さくら", "タナカ商店", "支払い済み")
PLAIN = ("erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj", "olivia")

Person = dict[str, str]


@dataclass
class MessyFile:
    """What a check of it has to find: `rows` by username with the values as the office keeps them,
    and by line what is said of rows that are refused; or a `sentence` on the whole file."""

    kind: str
    data: bytes
    rows: list[Person] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    sentence: str = ""
    notes: tuple[str, ...] = ()


def people(rng: random.Random, names: tuple[str, ...] = PLAIN, number: int = 6) -> list[Person]:
    return [
        {
            "username": f"{rng.choice(names)} {place}",
            "mobile": f"138{rng.randrange(10**8):08d}",
            "balance": f"{rng.randrange(10**6) / 100:.2f}",
        }
        for place in range(number)
    ]


def table(rows: list[Person], delimiter: str = ",", *, titles: str = "") -> str:
    lines = [titles or delimiter.join(("username", "mobile", "balance"))]
    lines += [delimiter.join(row.values()) for row in rows]
    return "\r\n".join(lines) + "\r\n"


def sheet(*rows: tuple[object, ...], name: str = "Sheet1") -> bytes:
    """A workbook as Excel itself writes it: shared strings, calculated formulas."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        page = book.add_worksheet(name)
        for place, row in enumerate(rows):
            page.write_row(place, 0, row)
    return made.getvalue()


def encoded(encoding: str, names: tuple[str, ...]) -> Callable[[random.Random], MessyFile]:
    def make(rng: random.Random) -> MessyFile:
        rows = people(rng, names, 8)
        return MessyFile(encoding, table(rows, ";").encode(encoding), rows)

    return make


def chinese_header(rng: random.Random) -> MessyFile:
    rows = people(rng, CHINESE[:2], 2)
    text = table(rows, titles="用户名,手机号,余额")
    return MessyFile("GB18030 with a Chinese header", text.encode("gb18030"), rows)


def utf16(rng: random.Random) -> MessyFile:
    rows = people(rng, CHINESE)
    return MessyFile("UTF-16 with its mark", table(rows, "\t").encode("utf-16"), rows)


def utf16_big(rng: random.Random) -> MessyFile:
    rows = people(rng)
    return MessyFile("UTF-16 BE with its mark", ("\ufeff" + table(rows)).encode("utf-16-be"), rows)


def utf16_bare(rng: random.Random) -> MessyFile:
    rows = people(rng)
    return MessyFile("UTF-16 without its mark", table(rows).encode("utf-16-le"), rows)


def double_mark(rng: random.Random) -> MessyFile:
    rows = people(rng, CHINESE)
    return MessyFile("two byte order marks", ("\ufeff\ufeff" + table(rows)).encode(), rows)


def quoted_after_mark(rng: random.Random) -> MessyFile:
    rows = people(rng)
    text = "\ufeff" + table(rows, '","').replace("\r\n", '"\r\n"').removesuffix('"')
    return MessyFile("quoted after two marks", ('\ufeff"' + text[1:]).encode("utf-8-sig"), rows)


def nul(rng: random.Random) -> MessyFile:
    text = table(people(rng)) + "fr\0ank,,\r\n"
    return MessyFile("NUL", text.encode(), sentence="contains a NUL byte")


def wide_nul(rng: random.Random) -> MessyFile:
    text = table(people(rng)) + "fr\0ank,,\r\n"
    return MessyFile("NUL in UTF-16", text.encode("utf-16"), sentence="contains a NUL byte")


def sep_line(rng: random.Random) -> MessyFile:
    rows = people(rng)
    return MessyFile("sep=;", b"sep=;\r\n" + table(rows, ";").encode(), rows)


def title_row(rng: random.Random) -> MessyFile:
    rows = people(rng)
    text = f"Customers of May;;\r\n\r\nas of 2026-05-31;;\r\n{table(rows, ';')}"
    return MessyFile("titles above the header", text.encode(), rows, notes=("Customers of May",))


def blank_lines(rng: random.Random) -> MessyFile:
    rows = people(rng)
    text = "\r\n \r\n,,\r\n" + table(rows).replace("\r\n", "\r\n , ,\r\n\r\n")
    return MessyFile("blank lines all over", text.encode(), rows)


def trailing_columns(rng: random.Random) -> MessyFile:
    rows = people(rng)
    return MessyFile("empty columns", table(rows).replace("\r\n", ",,,\r\n").encode(), rows)


def uneven_trailing(rng: random.Random) -> MessyFile:
    rows = people(rng)
    head, rest = table(rows).split("\r\n", 1)
    text = head + "\r\n" + rest.replace("\r\n", ",,\r\n")
    return MessyFile("rows with more empty cells than the header", text.encode(), rows)


def leading_column(rng: random.Random) -> MessyFile:
    rows = people(rng)
    text = "".join(f",{line}\r\n" for line in table(rows).splitlines())
    return MessyFile("a table that starts in column B", text.encode(), rows)


def value_without_title(rng: random.Random) -> MessyFile:
    rows = people(rng)
    lines = [f",{line}" for line in table(rows).splitlines()]
    lines[2] = "lost" + lines[2]
    return MessyFile(
        "a value without a title",
        "\r\n".join(lines).encode(),
        rows[:1] + rows[2:],
        {3: "a column without a title"},
    )


def dressed_header(rng: random.Random) -> MessyFile:
    rows = people(rng)
    titles = "\u200bUser\u00a0name *,Mobile (required),＊Balance:"
    return MessyFile("a header with stars", table(rows, titles=titles).encode(), rows)


def chinese_dressed_header(rng: random.Random) -> MessyFile:
    rows = people(rng, CHINESE)
    titles = "*用户名（必填）,手机号（选填）,余额（元）"
    return MessyFile("a Chinese header with remarks", table(rows, titles=titles).encode(), rows)


def delimiter_of_header(rng: random.Random) -> MessyFile:
    rows = people(rng)
    text = "Customers, balances, May\r\n" + table(rows, ";")
    return MessyFile("commas in the title row", text.encode(), rows)


def pipes(rng: random.Random) -> MessyFile:
    rows = people(rng)
    return MessyFile("pipes", table(rows, "|").encode(), rows)


def cells_of(
    kind: str, column: str, shown: list[tuple[str, str]], *, delimiter: str = ";"
) -> Callable[[random.Random], MessyFile]:
    """A column whose cells are written in these ways; the value of one that is refused is the
    beginning of what is said, with a !."""

    def make(rng: random.Random) -> MessyFile:
        rows, refused, lines = [], {}, []
        ways = list(shown)
        rng.shuffle(ways)
        for place, (cell, value) in enumerate(ways):
            person = people(rng, number=1)[0] | {"username": f"erin {place}"}
            lines.append(person | {column: cell})
            if value.startswith("!"):
                refused[place + 2] = value[1:]
            else:
                rows.append(person | {column: value})
        return MessyFile(kind, table(lines, delimiter).encode(), rows, refused)

    return make


amounts = cells_of(
    "amounts",
    "balance",
    [
        ("1,000.50", "1000.50"),
        ("1 000,50", "1000.50"),
        ("1.000,50", "1000.50"),
        ("¥ 12.50", "12.50"),
        ("$7", "7.00"),
        ("7元", "7.00"),
        ("7,5", "7.50"),
        (" 5 ", "5.00"),
        ("\u00a05.10\u00a0", "5.10"),
        ("'8.20", "8.20"),
        ("５．５０", "5.50"),
        ('="12.30"', "12.30"),
        ("57.699999999999996", "57.70"),
        ("1,000,000", "1000000.00"),
        ("-", "0"),
        ("(5.00)", "!May not be negative."),
        ("1.38E+10", "!The spreadsheet damaged this number"),
        ("1,000", "!May be 1000.00 or 1.000"),
        ("1.000", "!May be 1000.00 or 1.000"),
        ("12 34", "!Not an amount"),
        ("1_0", "!Not an amount"),
        ("#VALUE!", "!The spreadsheet shows an error"),
        ("1.255", "!May be"),
    ],
)
grouped = cells_of(
    "thousands of one hand",
    "balance",
    [("1,000", "1000.00"), ("2,500.50", "2500.50"), ("12.75", "12.75"), ("750", "750")],
)
european = cells_of(
    "amounts of Europe",
    "balance",
    [("1.000", "1000.00"), ("2.500,50", "2500.50"), ("12,75", "12.75"), ("750", "750")],
)
mobiles = cells_of(
    "phones",
    "mobile",
    [
        ("138 0000 0001", "13800000001"),
        ("138-0000-0002", "13800000002"),
        ("+86 138-0000-0003", "+8613800000003"),
        ("(010) 6552 9988", "01065529988"),
        ("+86\u00a013800000004", "+8613800000004"),
        ("１３８００００００５", "1380000005"),
        ("'13800000006", "13800000006"),
        ('="00123456"', "00123456"),
        ("13800000007.0", "13800000007"),
        ("13,800,000,008", "13800000008"),
        ("138.0000.0009", "13800000009"),
        ("\u202a13800000010\u202c", "13800000010"),
        ("n/a", ""),
        ("无", ""),
        ("1.38E+10", "!The spreadsheet damaged this number"),
        ("+44 (0)20 7946 0000", "!Digits only"),
        ("13800000001 / 13800000002", "!Digits only"),
        ("#REF!", "!The spreadsheet shows an error"),
        ("########", "!The spreadsheet shows an error"),
        ("call me", "!Digits only"),
    ],
)
names = cells_of(
    "names",
    "username",
    [
        (" anna ", "anna"),
        ("\u00a0bert\u3000", "bert"),
        ("\ufeffcarl\u200b", "carl"),
        ('="00123"', "00123"),
        ("'00124", "00124"),
        ("O'Brien", "O'Brien"),
        ("-dora", "-dora"),
        ("no. #5", "no. #5"),
        ("1.38E+10", "!The spreadsheet damaged this number"),
        ("2026-05-03", "!The spreadsheet turned this into a date"),
        ("#N/A", "!The spreadsheet shows an error"),
        ("em\u200bil", "!May not contain"),
        ("<b>", "!May not contain"),
        ("\u3000", "!cannot be blank"),
    ],
)


def switches(rng: random.Random) -> MessyFile:
    words = {
        **dict.fromkeys(
            ("yes", "Y", " TRUE ", "是", "1", "✓", "启用", "ＹＥＳ", "√", "WAHR"), "yes"
        ),
        **dict.fromkeys(("no", "N", "False", "否", "0", "✗", "停用", "关", "FAUX"), "no"),
    }
    rows = [
        {"username": f"erin {place}", "active": words[word]} for place, word in enumerate(words)
    ]
    lines = ["用户名\t启用", *(f"erin {place}\t{word}" for place, word in enumerate(words))]
    refused = {len(lines) + 1: "Must be yes or no."}
    return MessyFile("yes and no", "\n".join([*lines, "frank\tmaybe"]).encode(), rows, refused)


def workbook_numbers(rng: random.Random) -> MessyFile:
    rows = people(rng)
    cells = ((row["username"], int(row["mobile"]), float(row["balance"])) for row in rows)
    expected = [row | {"balance": f"{Decimal(row['balance']):f}"} for row in rows]
    return MessyFile(
        "a workbook of numbers", sheet(("username", "mobile", "balance"), *cells), expected
    )


def workbook_sum(rng: random.Random) -> MessyFile:
    head = ("username", "mobile", "balance")
    data = sheet(head, ("erin", "138", 0.1 + 0.2), ("frank", "139", 19.23 * 3))
    rows = [person("erin", "138", "0.30"), person("frank", "139", "57.69")]
    return MessyFile("floating point", data, rows)


def person(username: str, mobile: str = "", balance: str = "0") -> Person:
    return {"username": username, "mobile": mobile, "balance": balance}


def second_sheet(rng: random.Random) -> MessyFile:
    rows = people(rng)
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        book.add_worksheet("Secret").hide()
        page, other = book.add_worksheet("May"), book.add_worksheet("June")
        other.activate()
        other.write_row(0, 0, ("username",))
        page.write_row(0, 0, ("username", "mobile", "balance"))
        for place, row in enumerate(rows, 1):
            page.write_row(place, 0, row.values())
    notes = ("Sheet 'May' was read; not read: Secret, June.",)
    return MessyFile("several sheets", made.getvalue(), rows, notes=notes)


def formulas(rng: random.Random) -> MessyFile:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ("username", "mobile", "balance"))
        page.write_row(1, 0, ("erin", "138"))
        page.write_formula(1, 2, "=5*2.5", value=12.5)
        page.write_formula(2, 0, '="fr"&"ank"', value="frank")
        page.write_array_formula(3, 0, 3, 0, "{=A3}", value="grace")
        page.write_formula(4, 0, "=NA()", value="#N/A")
    return MessyFile(
        "formulas",
        made.getvalue(),
        [person("erin", "138", "12.50"), person("frank"), person("grace")],
        {5: "The spreadsheet shows an error"},
    )


def uncalculated(rng: random.Random) -> MessyFile:
    book = Workbook()
    for row in (("username", "mobile", "balance"), ("erin", "138", "=1+1"), ("frank", "", 5)):
        book.active.append(row)
    return MessyFile(
        "formulas without results",
        saved(book),
        [person("frank", "", "5")],
        {2: "A formula without its result"},
    )


def zeros(rng: random.Random) -> MessyFile:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        page, filled = book.add_worksheet(), book.add_format({"num_format": "00000000"})
        page.write_row(0, 0, ("username", "mobile"))
        page.write_number(1, 0, 123, filled)
        page.write_number(1, 1, 10012345, filled)
        page.write_number(2, 0, 7, filled)
    rows = [person("00000123", "10012345"), person("00000007")]
    return MessyFile("leading zeros by format", made.getvalue(), rows)


def percents(rng: random.Random) -> MessyFile:
    """In formats that every spreadsheet knows by number, and in one that the file spells out."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        page, own = book.add_worksheet(), book.add_format({"num_format": '0.0" %"%'})
        page.write_row(0, 0, ("username", "balance", "memo"))
        for place, style in enumerate((book.add_format({"num_format": 10}), own), 1):
            page.write_row(place, 0, (f"erin {place}", 5))
            page.write_number(place, 2, 0.075, style)
        page.write(3, 0, "frank")
        page.write_number(3, 1, 0.05, own)
    rows = [{"username": f"erin {place}", "balance": "5", "memo": "7.5%"} for place in (1, 2)]
    return MessyFile("percents", made.getvalue(), rows, {4: "Not an amount"})


def line_ends(rng: random.Random) -> MessyFile:
    data = sheet(("username", "memo"), ("erin", "one\r\ntwo"), ("frank", "_x000D_"))
    rows = [
        {"username": "erin", "memo": "one\r\ntwo"},
        {"username": "frank", "memo": "_x000D_"},
    ]
    return MessyFile("_x000D_", data, rows)


def empty_fill(rng: random.Random) -> MessyFile:
    rows = people(rng)
    styles = (
        b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<fills><fill/></fills><borders><border/></borders></styleSheet>"
    )
    good = sheet(("username", "mobile", "balance"), *(tuple(row.values()) for row in rows))
    return MessyFile("<fill/>", with_part("xl/styles.xml", styles, good), rows)


def bad_shared_string(rng: random.Random) -> MessyFile:
    good = sheet(("username",), ("erin",))
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        xml = archive.read(SHEET).replace(b"<v>1</v>", b"<v>77</v>")
    return MessyFile("a lost string", with_part(SHEET, xml, good), sentence="workbook is damaged")


def rich_text(rng: random.Random) -> MessyFile:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        page, bold = book.add_worksheet(), book.add_format({"bold": True})
        page.write_row(0, 0, ("username", "mobile"))
        page.write_rich_string(1, 0, "er", bold, "in", " the first")
        page.write(1, 1, "138")
    return MessyFile("bold letters", made.getvalue(), [person("erin the first", "138")])


def dates(rng: random.Random) -> MessyFile:
    book = Workbook()
    book.active.append(("username", "memo"))
    book.active.append(("erin", date(2026, 5, 3)))
    book.active.append((date(2026, 5, 3), ""))
    rows = [{"username": "erin", "memo": "2026-05-03"}]
    return MessyFile("dates", saved(book), rows, {3: "The spreadsheet turned this into a date"})


def titled_workbook(rng: random.Random) -> MessyFile:
    rows = people(rng)
    cells = [("", *row.values()) for row in rows]
    head = ("", "username", "mobile", "balance")
    data = sheet(("Customers",), (), head, *cells)
    return MessyFile("a titled workbook", data, rows, notes=("Customers",))


def strict_workbook(rng: random.Random) -> MessyFile:
    """The strict variant of the format, and no addresses of cells."""
    xml = (
        b'<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData>'
        b'<x:row><x:c t="inlineStr"><x:is><x:t>username</x:t></x:is></x:c></x:row>'
        b'<x:row>\n<x:c t="str">\n<x:v>erin</x:v>\n</x:c>\n</x:row></x:sheetData></x:worksheet>'
    )
    return MessyFile("strict", with_part(SHEET, xml, sheet(("username",))), [person("erin")])


def odd_parts(rng: random.Random) -> MessyFile:
    """Names of parts in lower case, divided by backslashes."""
    rows, made = people(rng), io.BytesIO()
    cells = [tuple(row.values()) for row in rows]
    good = zipfile.ZipFile(io.BytesIO(sheet(("username", "mobile", "balance"), *cells)))
    with zipfile.ZipFile(made, "w") as archive:
        for name in good.namelist():
            archive.writestr(name.replace("/", "\\").lower(), good.read(name))
    return MessyFile("odd names of parts", made.getvalue(), rows)


def days_of_macs(rng: random.Random) -> MessyFile:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"date_1904": True}) as book:
        page, day = book.add_worksheet(), book.add_format({"num_format": "d mmm yyyy"})
        page.write_row(0, 0, ("username", "memo"))
        page.write(1, 0, "erin")
        page.write_datetime(1, 1, datetime(2026, 5, 3), day)
    rows = [{"username": "erin", "memo": "2026-05-03"}]
    return MessyFile("days since 1904", made.getvalue(), rows)


def cut_off(rng: random.Random) -> MessyFile:
    data = sheet(("username",), *(tuple(row.values()) for row in people(rng)))
    return MessyFile("cut off", data[: rng.randrange(100, len(data) - 1)], sentence="is damaged")


def other_kind(name: str, data: bytes, sentence: str) -> Callable[[random.Random], MessyFile]:
    return lambda rng: MessyFile(name, data, sentence=sentence)


def zipped(**parts: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return made.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 64
CONVERT = "save it as .xlsx or CSV"
MAKERS: tuple[Callable[[random.Random], MessyFile], ...] = (
    encoded("cp1252", WESTERN),
    encoded("cp1250", CENTRAL),
    encoded("cp1251", CYRILLIC),
    encoded("cp1254", TURKISH),
    encoded("gb18030", CHINESE),
    encoded("big5", TRADITIONAL),
    encoded("cp932", JAPANESE),
    encoded("mac_roman", WESTERN),
    *(chinese_header, utf16, utf16_big, utf16_bare, double_mark, quoted_after_mark, nul, wide_nul),
    *(sep_line, title_row, blank_lines, trailing_columns, uneven_trailing, leading_column),
    *(value_without_title, dressed_header, chinese_dressed_header, delimiter_of_header, pipes),
    *(amounts, grouped, european, mobiles, names, switches),
    *(workbook_numbers, workbook_sum, second_sheet, formulas, uncalculated, zeros, line_ends),
    *(empty_fill, bad_shared_string, rich_text, dates, titled_workbook, strict_workbook),
    *(odd_parts, days_of_macs, cut_off),
    other_kind("xls", OLE, CONVERT),
    other_kind("password", OLE + "EncryptedPackage".encode("utf-16-le"), "has a password"),
    other_kind("ods", zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), CONVERT),
    other_kind("xlsb", zipped(xl__workbook_dot_bin=b"x"), "Excel (.xlsb)"),
    other_kind("numbers", zipped(Index__Document_dot_iwa=b"x"), "Numbers"),
    other_kind("zip", zipped(customers_dot_csv=b"username\nerin\n"), "ZIP"),
    other_kind("gzip", gzip.compress(b"username\nerin\n"), "GZIP"),
    other_kind("PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
    other_kind("HTML", b"\n<html><table><tr><td>username</td></tr></table></html>", "HTML"),
    other_kind("XML", b'<?xml version="1.0"?>\n<Workbook/>', "XML"),
    other_kind("no row", b"username,mobile\r\n", "a header and no rows"),
    other_kind("blank rows", b"username,mobile\r\n" + b",\r\n" * 40_000, "a header and no rows"),
    other_kind("no header", b"erin,13800000001\nfrank,2\n", "Unknown columns: erin, 13800000001."),
    percents,
)
SEEDS = (1, 2)
KINDS = len(MAKERS)


def messy_files() -> Iterator[MessyFile]:
    for seed in SEEDS:
        for place, make in enumerate(MAKERS):
            yield make(random.Random(f"{seed}:{place}"))


def messy_sheet() -> tuple[bytes, list[Person]]:
    """303 rows as a small office keeps them, typed by many hands over years, and what they mean.
    Eight of them nobody can know: those are without a meaning."""
    rng = random.Random(303)
    lines = [
        "Customer list;;;;;",
        ";;;;;",
        "\u200bUser name *;Mobile\u00a0no.;Balance;Active;Note;",
    ]
    lines[2] = "\u200bUser name *;Mobile\u00a0number;Balance (¥);Active;Note;"
    meant: list[Person] = []
    for place in range(303):
        name = f"{rng.choice(PLAIN + WESTERN)} {place}"
        mobile, amount = 13800000000 + place, Decimal(rng.randrange(100, 5_000_000)) / 100
        is_on = rng.random() < 0.8
        digits = str(mobile)
        shown_mobile, meant_mobile = rng.choice(
            [
                (digits, digits),
                (f"{digits[:3]} {digits[3:7]} {digits[7:]}", digits),
                (f"{digits[:3]}-{digits[3:7]}-{digits[7:]}", digits),
                (f"+86 {digits}", f"+86{digits}"),
                (f"'{digits}", digits),
                (f'="{digits}"', digits),
                (f"{digits}.0", digits),
                ("n/a", ""),
                ("", ""),
            ]
        )
        shown_amount = rng.choice(
            [
                f"{amount:.2f}",
                f"{amount:,.2f}",
                f"¥{amount:,.2f}",
                f" {amount:.2f} ",
                f"{amount:.2f} 元",
                f"{amount:,.2f}".replace(",", "\u00a0"),
                f"{amount:,.2f}".translate(str.maketrans(",.", ".,")),
            ]
        )
        shown_name = rng.choice([name, f" {name}", f"{name} ", f"{name}\u00a0"])
        word = rng.choice(("yes", "Y", "1", "是", "TRUE") if is_on else ("no", "N", "0", "否"))
        person = {"username": name, "mobile": meant_mobile, "balance": f"{amount:.2f}"}
        if place % 40 == 7:
            shown_amount = rng.choice(("1.38E+10", "12 34", "?", "#REF!", "20 or 30"))
            person = {}
        lines.append(f"{shown_name};{shown_mobile};{shown_amount};{word};;")
        meant.append(person | {"active": "yes" if is_on else "no"} if person else {})
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig"), meant
