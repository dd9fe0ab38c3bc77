"""Files of text that were made to take the memory or the time of whoever opens them, by name: as
small as they can be for it, but for those whose size is what they do."""

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path

HEADER = "username,mobile,memo\n"
# Far below IMPORT_MAX_MB: of what may not be held at once, and of rows, each of which takes time.
SIZE, ROWS = 48 << 20, 4 << 20
# Marks in an order that Unicode does not want: to sort n of them takes n² steps.
MARKS = "\u0301\u0316" * 30_000


def filled(piece: str, size: int = SIZE) -> Iterator[str]:
    """As many of it as make so many bytes of UTF-8."""
    some = piece * max(1, (1 << 16) // len(piece.encode()))
    for _number in range(size // len(some.encode())):
        yield some


def wide(*parts: Iterator[str] | str) -> Iterator[bytes]:
    yield codecs.BOM_UTF16_LE
    for part in parts:
        for text in (part,) if isinstance(part, str) else part:
            yield text.encode("utf-16-le")


def plain(*parts: Iterator[str] | str, encoding: str = "utf-8") -> Iterator[bytes]:
    for part in parts:
        for text in (part,) if isinstance(part, str) else part:
            yield text.encode(encoding)


BOMBS: dict[str, Callable[[], Iterator[bytes]]] = {
    "one line without an end": lambda: plain(HEADER, filled("x")),
    "one line without an end in UTF-16": lambda: wide(HEADER, filled("x")),
    "one cell of all lines": lambda: plain(HEADER, '"', filled("x\n")),
    "one row of all lines": lambda: plain(HEADER, filled('a,"\n",')),
    "one row of all lines, of signs that take four bytes": lambda: plain(
        HEADER, filled('\U0001f600,"\n",')
    ),
    "a million columns": lambda: plain(HEADER, "," * 1_000_000, "\n"),
    "a million columns in UTF-16": lambda: wide(HEADER, "\u4e00," * 1_000_000, "\n"),
    "rows as wide as a spreadsheet": lambda: plain(
        HEADER, filled("一丁," * 16_000 + "\n", 2 * ROWS)
    ),
    "rows of long cells": lambda: plain(
        HEADER, filled("a,1," + "\U0001f600" * 60_000 + "\n", 2 * ROWS)
    ),
    "a header of a million columns": lambda: plain("username," * 1_000_000, "\n", HEADER),
    "columns without a title": lambda: plain(
        "username" + "," * 98 + "memo\n", filled("a," + "b," * 97 + "c\n", ROWS)
    ),
    "lines ended by CR alone, of another encoding": lambda: plain(
        HEADER.replace("\n", "\r"), filled("\u4e00\u4e01,1,a\r", ROWS), encoding="gb18030"
    ),
    "empty lines ended by CR alone": lambda: plain(
        "username\rcaf\xe9\r", filled("\r", ROWS), encoding="cp1252"
    ),
    "a long line of another encoding": lambda: plain(
        HEADER, "\xe9 \xe8 " * 250_000, "\n", encoding="cp1252"
    ),
    "empty lines": lambda: plain(filled("\n", ROWS), HEADER),
    "an unpacked old workbook": lambda: iter((b"\xd0\xcf\x11\xe0", *plain(filled("x")))),
    "names that Unicode sorts for minutes": lambda: plain(HEADER, f"a{MARKS},1,\n" * 20),
    "numbers that Unicode sorts for minutes": lambda: plain(HEADER, f"a,1{MARKS},\n" * 20),
    "amounts that Unicode sorts for minutes": lambda: plain(
        "username,balance\n", f"a,1{MARKS}\n" * 20
    ),
    "switches that Unicode sorts for minutes": lambda: plain(
        "username,active\n", f"a,y{MARKS}\n" * 20
    ),
    "titles that Unicode sorts for minutes": lambda: plain(f"username,a{MARKS}\n" * 20),
    "cells that begin with what nobody sees": lambda: plain(
        HEADER, ("a," + "\u200b" * 80_000 + "\n") * 40
    ),
}


def write(name: str, path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(BOMBS[name]())
