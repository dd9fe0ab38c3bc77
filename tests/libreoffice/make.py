"""Made the files beside it, once: `python -m tests.libreoffice.make`, with LibreOffice's `soffice`.

Each is a table of cells, written as a flat OpenDocument file and converted by LibreOffice itself:
what its number formats, formulas and text filters leave behind is what clerks send. What the files
hold is said in tests/libreoffice_files.py; making them again is needed only for new ones.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

HERE = Path(__file__).resolve().parent
# Semicolons, double quotes, the encoding (76: UTF-8, 1: Windows-1252), German, cells as shown.
TEXT = "csv:Text - txt - csv (StarCalc):59,34,{},1,,1031,false,true"
NAMESPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}"'
    for short, name in (
        ("office", "office:1.0"),
        ("style", "style:1.0"),
        ("text", "text:1.0"),
        ("table", "table:1.0"),
        ("fo", "xsl-fo-compatible:1.0"),
        ("number", "datastyle:1.0"),
        ("of", "of:1.2"),
    )
)
# The document's own language decides how numbers are shown.
START = """<?xml version="1.0" encoding="UTF-8"?>
<office:document {namespaces} office:version="1.3"
 office:mimetype="application/vnd.oasis.opendocument.spreadsheet">
<office:styles><style:default-style style:family="table-cell">
<style:text-properties fo:language="{language}" fo:country="{country}"/>
</style:default-style></office:styles>
<office:automatic-styles>{styles}</office:automatic-styles>
<office:body><office:spreadsheet><table:table table:name="Customers">
"""
END = "</table:table></office:spreadsheet></office:body></office:document>\n"
TWO_PLACES = (
    '<number:number number:decimal-places="2" number:min-decimal-places="2"'
    ' number:min-integer-digits="1" number:grouping="true"/>'
)
STYLES = {
    "truth": '<number:boolean-style style:name="N-truth"><number:boolean/></number:boolean-style>',
    "zeros": '<number:number-style style:name="N-zeros">'
    '<number:number number:decimal-places="0" number:min-integer-digits="8"/>'
    "</number:number-style>",
    "grouped": f'<number:number-style style:name="N-grouped">{TWO_PLACES}</number:number-style>',
    "percent": '<number:percentage-style style:name="N-percent">'
    '<number:number number:decimal-places="1" number:min-integer-digits="1"/>'
    "<number:text>%</number:text></number:percentage-style>",
    "euro": '<number:currency-style style:name="N-euro" number:language="de" number:country="DE">'
    f"{TWO_PLACES}<number:text> </number:text>"
    '<number:currency-symbol number:language="de" number:country="DE">€</number:currency-symbol>'
    "</number:currency-style>",
    "yuan": '<number:currency-style style:name="N-yuan" number:language="zh" number:country="CN">'
    '<number:currency-symbol number:language="zh" number:country="CN">￥</number:currency-symbol>'
    f"{TWO_PLACES}</number:currency-style>",
    "day": '<number:date-style style:name="N-day"><number:day number:style="long"/>'
    '<number:text>.</number:text><number:month number:style="long"/><number:text>.</number:text>'
    '<number:year number:style="long"/></number:date-style>',
    "moment": '<number:date-style style:name="N-moment"><number:day/><number:text>. </number:text>'
    '<number:month number:textual="true"/><number:text> </number:text>'
    '<number:year number:style="long"/><number:text> </number:text>'
    '<number:hours number:style="long"/><number:text>:</number:text>'
    '<number:minutes number:style="long"/></number:date-style>',
}


@dataclass(frozen=True)
class Cell:
    """`kind` is OpenDocument's (float, percentage, currency, date, boolean), "" for one that
    LibreOffice works out by `formula`."""

    value: str = ""
    kind: str = ""
    style: str = ""
    formula: str = ""

    def xml(self) -> str:
        name = {"date": "date-value", "boolean": "boolean-value"}.get(self.kind, "value")
        marks = {
            "table:style-name": self.style,
            "table:formula": self.formula and f"of:={self.formula}",
            "office:value-type": self.kind,
            f"office:{name}": self.value,
        }
        shown = " ".join(f"{name}={quoteattr(mark)}" for name, mark in marks.items() if mark)
        return f"<table:table-cell {shown}/>"


Row = Sequence[str | Cell]


def number(value: str, style: str = "", kind: str = "float") -> Cell:
    return Cell(value, kind, style)


def document(rows: Sequence[Row], language: str, country: str) -> str:
    styles = "".join(
        f'{style}<style:style style:name="{name}" style:family="table-cell"'
        f' style:data-style-name="N-{name}"/>'
        for name, style in STYLES.items()
    )
    start = START.format(namespaces=NAMESPACES, language=language, country=country, styles=styles)
    return start + "".join(map(row_xml, rows)) + END


def row_xml(row: Row) -> str:
    cells = (cell.xml() if isinstance(cell, Cell) else text_xml(cell) for cell in row)
    return f"<table:table-row>{''.join(cells) or '<table:table-cell/>'}</table:table-row>\n"


def text_xml(text: str) -> str:
    if not text:
        return "<table:table-cell/>"
    return (
        '<table:table-cell office:value-type="string">'
        f"<text:p>{escape(text)}</text:p></table:table-cell>"
    )


HEADER = ("username", "mobile", "balance")
GERMAN: tuple[Row, ...] = (
    HEADER,
    ("Jörg Müller", "013800000001", number("1234.5", "euro", "currency")),
    ("Zoë Groß", "013800000002", number("12.75", "euro", "currency")),
    ("José Peña", "013800000003", number("2000", "euro", "currency")),
)
FILES: dict[str, tuple[Sequence[Row], str, str]] = {
    # Name: rows, country, what LibreOffice converts to.
    "zeros.xlsx": (
        (
            HEADER,
            ("00123", "013800000001", "5"),
            (number("124", "zeros"), number("13800000002"), number("7.5")),
        ),
        "US",
        "xlsx",
    ),
    "dates.xlsx": (
        (
            ("username", "memo", "active"),
            ("erin", number("2026-05-03", "day", "date"), number("true", "truth", "boolean")),
            ("frank", number("2026-05-03T09:30:00", "moment", "date"), "no"),
            (number("2026-05-03", "day", "date"), "", "yes"),
        ),
        "DE",
        "xlsx",
    ),
    "formulas.xlsx": (
        (
            HEADER,
            ("erin", "138", Cell(formula="5*2.5")),
            (Cell(formula='"fr"&"ank"'), "139", Cell(formula="0.1+0.2")),
            ("grace", "140", Cell(formula="[.C2]+[.C3]")),
            ("heidi", "141", Cell(formula="1/0")),
            (Cell(formula="NA()"), "142", number("1")),
        ),
        "US",
        "xlsx",
    ),
    "formats.xlsx": (
        (
            (*HEADER, "memo"),
            ("erin", "138", number("1234.5", "euro", "currency"), "euro"),
            ("frank", "139", number("1234567.8", "yuan", "currency"), "yuan"),
            ("grace", "140", number("2500", "grouped"), number("0.125", "percent", "percentage")),
            ("heidi", "141", number("0.05", "percent", "percentage"), "percent"),
        ),
        "US",
        "xlsx",
    ),
    "titled.xlsx": ((("Customers of May",), (), (), *GERMAN), "DE", "xlsx"),
    "utf-8.csv": ((*GERMAN, ("李雷", "", number("3", "euro", "currency"))), "DE", TEXT.format(76)),
    "windows-1252.csv": (GERMAN, "DE", TEXT.format(1)),
    "customers.ods": (GERMAN[:2], "DE", "ods"),
    "customers.xls": (GERMAN[:2], "DE", "xls"),
}
LANGUAGES = {"DE": "de", "US": "en"}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="libreoffice-") as made:
        folder = Path(made)
        for name, (rows, country, to) in FILES.items():
            source = folder / f"{Path(name).stem}.fods"
            source.write_text(document(rows, LANGUAGES[country], country), encoding="utf-8")
            command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless"]
            command += ["--convert-to", to, "--outdir", str(HERE), str(source)]
            subprocess.run(command, check=True)
            print(name, (HERE / name).stat().st_size)


if __name__ == "__main__":
    main()
