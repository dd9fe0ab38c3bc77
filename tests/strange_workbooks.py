"""Workbooks as strangers bring them: numbers that show something else, and more than one sheet."""

import io
import zipfile

import xlsxwriter

from tests.messy_files import MessyFile, Person, person
from tests.strange_files import ANN_AND_BOB, HEAD, workbook
from tests.workbooks import with_part, with_sheet


def shown(kind: str, name: str, *ways: tuple[str, float, str]) -> MessyFile:
    """Numbers in a column of a workbook, by the formats that show them, and what they are."""
    rows, refused = list[Person](), dict[int, str]()

    def fill(book: xlsxwriter.Workbook) -> None:
        page = book.add_worksheet()
        page.write_row(0, 0, ("memo", name) if name == "username" else ("username", name))
        for place, (code, number, value) in enumerate(ways, 1):
            page.write(place, 0, f"u{place}")
            page.write_number(place, 1, number, book.add_format({"num_format": code}))
            if value.startswith("!"):
                refused[place + 1] = value[1:]
            else:
                rows.append(
                    {name: value} if name == "username" else {"username": f"u{place}", name: value}
                )

    return MessyFile(kind, workbook(fill), rows, refused)


def never_opened(book: xlsxwriter.Workbook) -> None:
    """XlsxWriter writes a 0 in place of each formula's result."""
    page = book.add_worksheet()
    page.write_row(0, 0, HEAD)
    page.write_row(1, 0, ("ann", "13800000001"))
    page.write_formula(1, 2, "=5*2.5")
    page.write_formula(2, 0, '="bo"&"b"')
    page.write_row(3, 0, ("cid", "", 0))


def behind(*first: tuple[str, ...]) -> bytes:
    """The table on the second sheet."""

    def fill(book: xlsxwriter.Workbook) -> None:
        summary, page = book.add_worksheet("Summary"), book.add_worksheet("Table")
        for place, row in enumerate(first):
            summary.write_row(place, 0, row)
        for place, row in enumerate((HEAD, *(tuple(row.values()) for row in ANN_AND_BOB))):
            page.write_row(place, 0, row)

    return workbook(fill)


def with_macro_sheet() -> bytes:
    """As Excel saves a workbook whose macros were modules among its sheets."""
    good = behind(("instructions",))
    part = "xl/workbook.xml"
    text = zipfile.ZipFile(io.BytesIO(good)).read(part).decode()
    module = '<sheet name="Module1" sheetId="9" state="veryHidden" r:id=""/></sheets>'
    return with_part(part, text.replace("</sheets>", module).encode(), good)


def behind_an_empty_sheet(book: xlsxwriter.Workbook) -> None:
    book.add_worksheet()
    book.add_worksheet().write_row(0, 0, ("Kunde", "shoe size"))


def without_results() -> bytes:
    """Formulas as PhpSpreadsheet writes those that it does not calculate, and one whose result is
    an empty text."""
    cells = '<c t="str"><v>{}</v></c><c t="str"><f>B9*2.5</f>{}</c>'
    lines = (("username", "<v>balance</v>"), ("ann", ""), ("bob", "<v></v>"))
    rows = (f"<row>{cells.format(*line)}</row>" for line in lines)
    return with_sheet(f"<worksheet><sheetData>{''.join(rows)}</sheetData></worksheet>".encode())


def strange_workbooks() -> list[MessyFile]:
    plain, damaged = "Not an amount", "The spreadsheet damaged this number"
    uncalculated = "A formula without its result"
    return [
        shown(
            "names by formats",
            "username",
            *(('"C"0000', 12, "C0012"), ("000-0000-0000", 1012345678, "010-1234-5678")),
            *(
                ('"0"#', 123, "0123"),
                ("\\N0", 7, "N7"),
                ("0;-0;;@", 5, "5"),
                ("0 000", 1234, "1 234"),
            ),
            *(("0.00", 7.5, "7.5"), ("General", 6222021234567890123.0, f"!{damaged}")),
            *(("0", 1234567890123456, f"!{damaged}"), ("0", 123456789012345, "123456789012345")),
        ),
        shown(
            "money by formats",
            "balance",
            *(('0"k"', 5, f"!{plain}"), ('0.00"万"', 1.5, f"!{plain}"), ("0\\k", 5, f"!{plain}")),
            *(('0" ‰"', 5, f"!{plain}"), ('0 "Mio"', 5, f"!{plain}"), ('0"0"', 5, "50")),
            *(('0.0,"k"', 5000, "5000"), ('0!.0,"万"', 12345, "12345"), ('0"元"', 5, "5")),
            *(('#,##0.00\\ "₽"', 5, "5"), ("[$€-407]#,##0.00", 5, "5"), ("[h]", 5, f"!{plain}")),
            *(("_(* #,##0.00_)", 5, "5"), ('"¥"#,##0', 4.6, "5"), ("# ?/?", 0.5, "0.50")),
        ),
        MessyFile(
            "never opened",
            workbook(never_opened),
            [person("cid")],
            {2: uncalculated, 3: uncalculated},
        ),
        *(
            MessyFile(kind, behind(*first), ANN_AND_BOB, notes=("Sheet 'Table' was read",))
            for kind, first in (
                ("an empty sheet before", ()),
                ("instructions before", (("How to fill in this file",), ("One customer a row",))),
                (
                    "as Numbers exports",
                    (
                        ("This document was exported from Numbers.",),
                        ("Numbers Sheet Name", "Numbers Table Name", "Excel Worksheet Name"),
                        ("", "Table 1", "Table"),
                    ),
                ),
            )
        ),
        MessyFile(
            "formulas without results", without_results(), [{"username": "bob"}], {2: uncalculated}
        ),
        MessyFile("a module of macros", with_macro_sheet(), ANN_AND_BOB),
        MessyFile(
            "a wrong header behind an empty sheet",
            workbook(behind_an_empty_sheet),
            sentence="Unknown columns: Kunde, shoe size",
        ),
        MessyFile(
            "a wrong header before",
            behind(("username", "shoe size"), ("zoe", "38")),
            sentence="Unknown columns: shoe size",
        ),
    ]
