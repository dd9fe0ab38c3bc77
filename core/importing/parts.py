"""The parts of a workbook's archive, parsed piece by piece within limits.

A part that is made to explode ends in a FileError before it takes memory or time: too many bytes,
long cells, endless names and attributes, deep nesting, document types. Names are compared without
their namespace: the strict variant of the format has others.
"""

import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.parsers import expat

from core.importing.detection import FileError
from core.reasons import Code

CHUNK = 1 << 16
# What zipfile, zlib, expat and our own reading raise at a damaged workbook.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, expat.ExpatError, KeyError, IndexError, ValueError),
    *(TypeError, OverflowError, EOFError, OSError, NotImplementedError, RuntimeError),
)
# Unpacked bytes of the parts other than rows and strings.
MOST_OF_A_LIST = 16 << 20
# What expat has not parsed yet: one endless name or attribute.
MOST_PENDING = 1 << 20
# Nested elements; a workbook has a dozen.
MOST_DEPTH = 100
# Above any spreadsheet's own limit of 32,767.
MOST_CELL = 1 << 17

# Called for each piece that was read, even if nothing came of it: renews a lease, or raises.
OnChunk = Callable[[], None]


def name_in(archive: zipfile.ZipFile, part: str) -> str:
    """A part's name in the archive, which may differ in case or divide folders by backslashes; ""
    if it is missing."""
    for name in archive.namelist():
        if name.replace("\\", "/").lower() == part.lower():
            return name
    return ""


def relations(archive: zipfile.ZipFile, part: str) -> Mapping[str, tuple[str, str]]:
    """By id, kind and name of the parts that this part points to."""
    folder, name = posixpath.split(part)
    path = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes["Target"]))
            found[attributes["Id"]] = posixpath.basename(attributes["Type"]), target.lstrip("/")

    if name_in(archive, path):
        parse_part(archive, path, start)
    return found


def parse_part(
    archive: zipfile.ZipFile,
    part: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] = lambda name: None,
    data: Callable[[str], None] = lambda text: None,
    *,
    most: int | None = MOST_OF_A_LIST,
    on_chunk: OnChunk = lambda: None,
) -> None:
    """`most`: bytes it may unpack to."""
    name = name_in(archive, part)
    if most is not None and archive.getinfo(name).file_size > most:
        raise bomb()
    for _chunk in parsed(archive, name, new_parser(start, end, data), on_chunk):
        pass


def parsed(archive: zipfile.ZipFile, name: str, parser: Any, on_chunk: OnChunk) -> Iterator[None]:
    """Parse a part piece by piece, and the remainder at its end."""
    fed = 0
    with archive.open(name) as file:
        while chunk := file.read(CHUNK):
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > MOST_PENDING:
                raise bomb()
            on_chunk()
            yield
        parser.Parse(b"", True)
        yield


def bomb() -> FileError:
    return FileError.of(Code.WORKBOOK_IS_BOMB)


def new_parser(
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    data: Callable[[str], None],
) -> Any:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    depth = 0

    def plain_start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise bomb()
        if any(":" in key for key in attributes):
            attributes = {local(key): value for key, value in attributes.items()}
        start(local(name), attributes)

    def plain_end(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(local(name))

    def refuse_doctype(*_declared: object) -> None:
        raise FileError.of(Code.WORKBOOK_WITH_DOCTYPE)

    parser.StartElementHandler = plain_start
    parser.EndElementHandler = plain_end
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = refuse_doctype
    return parser


def local(name: str) -> str:
    return name.rpartition(":")[2]
