"""Workbooks for tests, good and hostile."""

import io
import zipfile

from openpyxl import Workbook

SHEET = "xl/worksheets/sheet1.xml"


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_sheet(xml: bytes) -> bytes:
    """A workbook whose sheet is this."""
    good, made = zipfile.ZipFile(io.BytesIO(workbook(("username",)))), io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in good.namelist():
            archive.writestr(name, xml if name == SHEET else good.read(name))
    return made.getvalue()
