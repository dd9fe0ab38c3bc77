"""Workbooks of at most a megabyte that were made to stop whoever opens them, by name."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook as XlsxWriter

from tests.warm import run_to_the_end
from tests.workbooks import SHEET, with_part, workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRINGS = "xl/sharedStrings.xml"
SIZE = 1_000_000
# What a file of a megabyte may unpack to before its size alone refuses it.
UNPACKED = 90 << 20
ENTITIES = "".join(
    f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' if number else '<!ENTITY e0 "lollollol">'
    for number in range(12)
)


def sheet(inside: str) -> bytes:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{inside}</sheetData></worksheet>'.encode()


def of_part(part: str, data: bytes) -> bytes:
    return padded(with_part(part, data, workbook(("username",), ("erin",))))


def padded(made: bytes) -> bytes:
    """With a part that does not pack, so that it is not refused for what it unpacks to."""
    file = io.BytesIO(made)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("xl/media/image1.png", os.urandom(max(0, SIZE - len(made) - 300)))
    return file.getvalue()


def filled(piece: str) -> str:
    return piece * (UNPACKED // len(piece))


def dtd(prefix: str = "", encoding: str = "utf-8") -> bytes:
    """2.9 KB that are a terabyte of laughter."""
    text = f"<?xml version='1.0' encoding='{encoding}'?>{prefix}<!DOCTYPE x [{ENTITIES}]>"
    text += f'<worksheet xmlns="{MAIN}"><sheetData><row><c t="str"><v>&e11;</v></c></row>'
    return with_part(SHEET, text.encode(encoding), workbook(("username",)))


def many_parts() -> bytes:
    file = io.BytesIO(workbook(("username",), ("erin",)))
    with zipfile.ZipFile(file, "a") as archive:
        for number in range(9_000):
            archive.writestr(f"xl/{number}.xml", b"")
    return file.getvalue()


def shared_strings(piece: Callable[[int], str]) -> bytes:
    """Of a thousand, again and again."""
    text = f'<sst xmlns="{MAIN}">' + filled("".join(map(piece, range(1_000))))
    return padded(with_part(STRINGS, text.encode(), with_shared_strings()))


def with_shared_strings() -> bytes:
    file = io.BytesIO()
    with XlsxWriter(file) as book:  # openpyxl shares none
        book.add_worksheet().write_column(0, 0, ["username", "erin"])
    return file.getvalue()


def long_string(cells: int, above: str = "") -> bytes:
    """One text of a hundred kilobytes that every cell of every row shows."""
    text = f'<sst xmlns="{MAIN}"><si><t>{"x" * 100_000}</t></si></sst>'
    row = "<row>" + '<c t="s"><v>0</v></c>' * cells + "</row>"
    rows = with_part(SHEET, sheet(above + filled(row)), with_shared_strings())
    return padded(with_part(STRINGS, text.encode(), rows))


def packed_otherwise() -> bytes:
    file = io.BytesIO(workbook(("username",), ("erin",)))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("xl/more.xml", b"<a/>")
    return file.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "a DTD": dtd,
    "a DTD behind a comment": lambda: dtd(f"<!--{' ' * 5_000}-->"),
    "a DTD in UTF-16": lambda: dtd(encoding="utf-16"),
    "three kilobytes that are three megabytes of rows": lambda: with_part(
        SHEET, sheet("<row/>" * 2_000_000), workbook(("username",))
    ),
    "millions of empty rows": lambda: of_part(SHEET, sheet(filled("<row/>"))),
    "empty rows above the header": lambda: of_part(
        SHEET, sheet('<row r="1048576"/>' + filled("<row/>"))
    ),
    "millions of cells in a row": lambda: of_part(SHEET, sheet(f"<row>{filled('<c/>')}</row>")),
    "rows of a thousand cells": lambda: of_part(
        SHEET, sheet(filled(f"<row>{'<c><v>1</v></c>' * 1_000}</row>"))
    ),
    "rows of a hundred cells below a header": lambda: of_part(
        SHEET,
        sheet(
            '<row><c t="str"><v>username</v></c></row>'
            + f"<row>{'<c><v>1234</v></c>' * 100}</row>" * 20_000
        ),
    ),
    "one endless cell": lambda: of_part(
        SHEET, sheet(f'<row><c t="inlineStr"><is><t>{filled("x")}</t></is></c></row>')
    ),
    "one endless value": lambda: of_part(SHEET, sheet(f"<row><c><v>{filled('1')}</v></c></row>")),
    "one endless attribute": lambda: of_part(SHEET, sheet(f'<row r="{filled("1")}"/>')),
    "a column of endless letters": lambda: of_part(
        SHEET, sheet(f'<row><c r="{"A" * 900_000}1"><v>1</v></c></row>')
    ),
    "elements in one another": lambda: of_part(SHEET, sheet(filled("<row>"))),
    "many attributes": lambda: of_part(
        SHEET,
        sheet("<row " + " ".join(f'a{number}=""' for number in range(300_000)) + "/>"),
    ),
    "equal shared strings": lambda: shared_strings(lambda _number: "<si><t>lol</t></si>"),
    # Told apart, but alike within what a packer looks back at.
    "short shared strings": lambda: shared_strings(
        lambda number: f"<si><t>{number + 0x1000:x}</t></si>"
    ),
    "empty shared strings": lambda: shared_strings(lambda _number: "<si/>"),
    "a long shared string in many cells": lambda: long_string(100),
    "a long shared string in many rows": lambda: long_string(1),
    "a long shared string below a header": lambda: long_string(
        1, '<row><c t="str"><v>username</v></c></row>'
    ),
    "many number formats": lambda: of_part(
        "xl/styles.xml", f'<styleSheet xmlns="{MAIN}"><cellXfs>{filled("<xf/>")}'.encode()
    ),
    "many sheets": lambda: of_part(
        "xl/workbook.xml",
        f'<workbook xmlns="{MAIN}"><sheets>{filled("<sheet/>")}</sheets></workbook>'.encode(),
    ),
    "many parts": many_parts,
    "parts that are packed as no spreadsheet does": packed_otherwise,
}


def taken_by(program: str, path: Path) -> dict[str, Any]:
    """What a process of its own, which reads this file, says last about what that took."""
    env = {"DJANGO_SETTINGS_MODULE": "office.settings"}
    done = run_to_the_end(["-c", program, str(path)], env, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(found)
    return found
