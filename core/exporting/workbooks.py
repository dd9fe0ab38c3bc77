"""Excel workbooks made while they are sent: constant memory, nothing on disk, the first bytes at
once. Libraries keep all rows in memory or in a temporary file instead.

A workbook is a zip of XML (ECMA-376). Sheets are written one after the other, row by row, with text
in the cells; the list of the sheets comes last. Another sheet follows a full one.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from core.db.blocks import in_blocks

TEXT, NUMBER, MOMENT, YES_NO = "text", "number", "moment", "yes or no"

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET_ROWS = 1_048_576
# A zip above 2 GB needs an extension that not every Excel reads.
SHEET_BYTES = 1_900_000_000
PACKED_BYTES = 64_000
FEW = 2_000  # rows

SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Characters that XML forbids are written as _x0007_, and so is text that only looks like that.
AWKWARD = re.compile("[&<>\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Every .xml counts as a sheet unless it is named, so nobody has to know the number of sheets.
TYPES = (
    f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Default Extension="xml" ContentType="{SPREADSHEET}.worksheet+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{SPREADSHEET}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{SPREADSHEET}.styles+xml"/></Types>'
)
# Style 1 is a moment, style 2 a title.
STYLES = (
    f'{HEAD}<styleSheet xmlns="{MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)
STYLES_PART = ("styles", "styles.xml")


class Sink(io.RawIOBase):
    """Collects what the zip writes. It cannot seek, so the zip knows that it is being streamed."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        return taken


def workbook_chunks(
    titles: Sequence[str], kinds: Sequence[str], blocks: Iterable[Sequence[Sequence[Any]]]
) -> Iterator[bytes]:
    """The file in pieces. `blocks`: rows of text or None, one cell per title; `kinds`: how to read
    the text of each column."""
    sink = Sink()
    writers = [WRITERS[kind] for kind in kinds]
    header = "".join(f'<c s="2" t="inlineStr"><is><t>{xml_text(t)}</t></is></c>' for t in titles)
    names: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", relations({"rId1": ("officeDocument", "xl/workbook.xml")}))
        archive.writestr("xl/styles.xml", STYLES)
        rows = chain.from_iterable(blocks)
        first = list(islice(rows, 1))
        while first or not names:
            names.append(f"Sheet{len(names) + 1}")
            with archive.open(f"xl/worksheets/{names[-1].lower()}.xml", "w") as file:
                written = file.write(opening(len(titles), f"<row>{header}</row>"))
                for some in in_blocks(islice(chain(first, rows), SHEET_ROWS - 1), FEW):
                    written += file.write(rows_xml(some, writers))
                    if sink.size > PACKED_BYTES:
                        yield sink.take()
                    if written > SHEET_BYTES:
                        break
                first = list(islice(rows, 1))  # of the next sheet
                file.write(b"</sheetData></worksheet>")
        archive.writestr("xl/workbook.xml", workbook_xml(names))
        sheets = {
            f"rId{number}": ("worksheet", f"worksheets/{name.lower()}.xml")
            for number, name in enumerate(names, 2)
        }
        archive.writestr("xl/_rels/workbook.xml.rels", relations({"rId1": STYLES_PART, **sheets}))
    yield sink.take()


def rows_xml(rows: Sequence[Sequence[Any]], writers: Sequence[Callable[..., list[str]]]) -> bytes:
    """Column by column: a call for each cell would cost more than the cell."""
    columns = zip(*rows, strict=True)
    written = [write(column) for write, column in zip(writers, columns, strict=True)]
    cells = map("".join, zip(*written, strict=True))
    return ("<row>" + "</row><row>".join(cells) + "</row>").encode()


def texts(column: Sequence[Any]) -> list[str]:
    return [
        f'<c t="inlineStr"><is><t xml:space="preserve">{xml_text(value)}</t></is></c>'
        if value
        else "<c/>"
        for value in column
    ]


def numbers(column: Sequence[Any]) -> list[str]:
    return ["<c/>" if value is None else f"<c><v>{value}</v></c>" for value in column]


def moments(column: Sequence[Any]) -> list[str]:
    return [f'<c s="1"><v>{serial(value)}</v></c>' if value else "<c/>" for value in column]


def yes_or_no(column: Sequence[Any]) -> list[str]:
    return [f'<c t="b"><v>{value}</v></c>' for value in column]


WRITERS = {TEXT: texts, NUMBER: numbers, MOMENT: moments, YES_NO: yes_or_no}


def xml_text(text: str) -> str:
    return AWKWARD.sub(named, text) if AWKWARD.search(text) else text


def named(found: re.Match[str]) -> str:
    sign = found.group()
    return SIGNS.get(sign) or f"_x{ord(sign):04X}_"


def serial(moment: str) -> str:
    """Days since the last day of 1899, as spreadsheets count, from 2026-11-22 14:07:00."""
    seconds = int(moment[11:13]) * 3600 + int(moment[14:16]) * 60 + int(moment[17:19])
    return f"{day_of(moment[:10]) + seconds / 86400:.10f}"


@lru_cache(10_000)
def day_of(date: str) -> int:
    return datetime.fromisoformat(date).toordinal() - 693594


def opening(width: int, header: str) -> bytes:
    """A sheet up to its first row; the titles stay in view."""
    return (
        f'{HEAD}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        f'</sheetView></sheetViews><cols><col min="1" max="{width}" width="18"/></cols>'
        f"<sheetData>{header}"
    ).encode()


def workbook_xml(names: Sequence[str]) -> str:
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="rId{number + 1}"/>'
        for number, name in enumerate(names, 1)
    )
    return f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>'


def relations(targets: dict[str, tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{lines}</Relationships>'
