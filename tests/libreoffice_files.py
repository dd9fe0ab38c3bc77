"""What LibreOffice's files (tests/libreoffice/make.py) hold, or why they are refused."""

from pathlib import Path

from tests.messy_files import CONVERT, MessyFile, Person, person

FOLDER = Path(__file__).resolve().parent / "libreoffice"
GERMAN = [
    person("Jörg Müller", "013800000001", "1234.50"),
    person("Zoë Groß", "013800000002", "12.75"),
    person("José Peña", "013800000003", "2000.00"),
]


def libreoffice_files() -> list[MessyFile]:
    return [
        made(
            "zeros.xlsx",
            [person("00123", "013800000001", "5"), person("00000124", "13800000002", "7.5")],
        ),
        made(
            "dates.xlsx",
            [
                {"username": "erin", "memo": "2026-05-03", "active": "yes"},
                {"username": "frank", "memo": "2026-05-03 09:30:00", "active": "no"},
            ],
            refused={4: "The spreadsheet turned this into a date"},
        ),
        made(
            "formulas.xlsx",
            [
                person("erin", "138", "12.50"),
                person("frank", "139", "0.30"),
                person("grace", "140", "12.80"),
            ],
            refused={5: "The spreadsheet shows an error", 6: "The spreadsheet shows an error"},
        ),
        made(
            "formats.xlsx",
            [
                person("erin", "138", "1234.50") | {"memo": "euro"},
                person("frank", "139", "1234567.80") | {"memo": "yuan"},
                person("grace", "140", "2500.00") | {"memo": "12.5%"},
            ],
            refused={5: "Not an amount"},
        ),
        made("titled.xlsx", GERMAN, notes=("Customers of May",)),
        made("utf-8.csv", [*GERMAN, person("李雷", "", "3.00")]),
        made("windows-1252.csv", GERMAN),
        made(
            "customers.ods", sentence=f"OpenDocument (.ods): open it in a spreadsheet and {CONVERT}"
        ),
        made("customers.xls", sentence=CONVERT),
    ]


def made(
    name: str,
    rows: list[Person] | None = None,
    *,
    refused: dict[int, str] | None = None,
    sentence: str = "",
    notes: tuple[str, ...] = (),
) -> MessyFile:
    data = (FOLDER / name).read_bytes()
    return MessyFile(f"LibreOffice: {name}", data, rows or [], refused or {}, sentence, notes)
