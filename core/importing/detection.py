"""What kind of file is this? Read once, as bytes, before anything looks at rows.

A file that cannot be read at all ends here in one FileError that tells a clerk what to do, before
anything is written.
"""

import codecs
import hashlib
import re
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO, Self

from core.importing.encodings import NAMES, Guess, guess_encoding
from core.reasons import Code, Reason

CHUNK = 1 << 16
# Far longer than any row of ours; a file without line ends is no table.
MAX_LINE_BYTES = 1 << 20
BOM = codecs.BOM_UTF8
UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Tables of equal rows pack well; a ratio or size above this was made on purpose.
MOST_UNPACKED, MOST_RATIO = 8 << 20, 100
PARTS = 5_000
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# Workbooks older than OLE begin so; some programs still write them.
OLDER_EXCEL = (b"\t\0\4\0", b"\t\2\6\0", b"\t\4\6\0", b"\t\b\b\0", b"\t\b\x10\0")
# The contents of an encrypted workbook, in an OLE file's list.
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# How files of other kinds begin, so that the refusal can name them.
OTHER_KINDS = (
    (b"%PDF", "PDF"),
    (b"{\\rtf", "RTF"),
    (b"\x1f\x8b", "GZIP"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"SQLite format 3", "SQLite"),
    (b"MIME-Version:", "MHTML"),
)
MARKUP = re.compile(rb"\s*<[?!a-z]", re.IGNORECASE)
# How many lines with foreign letters are looked at to find the encoding.
SAMPLE_LINES, SAMPLE_BYTES = 400, 1 << 16
# A line can be cut here: no encoding has these bytes inside a character.
WHOLE = re.compile(rb".*[\x01-\x2f]", re.DOTALL)
# Three-byte characters: GB18030 text can look like two-byte ones by chance, but not like these. A
# bad byte after them is bad UTF-8.
SURELY_UTF8 = re.compile("[\u0800-\uffff]")


class FileError(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    @classmethod
    def of(cls, code: Code, **params: Any) -> Self:
        return cls(Reason.of(code, **params))


@dataclass(frozen=True, slots=True)
class DetectedFile:
    """`encoding` is "xlsx" or a codec's name; `lines` counts line ends, an estimate of rows; a
    person should look at a `guess`."""

    encoding: str
    sha256: str
    lines: int
    guess: Guess | None = None


def detect_file(
    path: Path, *, max_bytes: int, chosen: str = "", familiar: Collection[str] = ()
) -> DetectedFile:
    """Raises FileError if the file cannot be taken. `chosen` is the encoding that a person named;
    `familiar` words reveal the encoding."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise FileError.of(Code.FILE_GONE) from None
    if size == 0:
        raise FileError.of(Code.FILE_EMPTY)
    if size > max_bytes:
        raise FileError.of(Code.FILE_TOO_LARGE, most=max_bytes >> 20)
    with path.open("rb") as file:
        start = file.read(CHUNK)
        file.seek(0)
        if start[:4] == ZIP:
            # core/importing/workbook_process.py opens it.
            return DetectedFile("xlsx", digest_of(path), 0)
        if start[:4] in UTF32 or start[:12].count(0) == 9:
            raise FileError.of(Code.FILE_OF_OTHER_KIND, kind="UTF-32")
        refuse_other_kinds(file, start)
        if encoding := wide_encoding(start):
            return DetectedFile(encoding, digest_of(path), wide_lines(file, encoding))
        digest, lines = measure_text(file)
        if chosen:
            refuse_undecodable(file, chosen)
            return DetectedFile(chosen, digest, lines)
        encoding, guess = encoding_of(file, familiar)
        return DetectedFile(encoding, digest, lines, guess)


def refuse_other_kinds(file: BinaryIO, start: bytes) -> None:
    """Raises FileError that names the kind and says what to do."""
    if start[:4] == OLE:
        with mmap(file.fileno(), 0, access=ACCESS_READ) as whole:
            is_encrypted = whole.find(ENCRYPTED) >= 0
        raise FileError.of(Code.WORKBOOK_WITH_PASSWORD if is_encrypted else Code.FILE_OF_OLD_EXCEL)
    if start[:4] in OLDER_EXCEL:
        raise FileError.of(Code.FILE_OF_OLD_EXCEL)
    for beginning, kind in OTHER_KINDS:
        if start.startswith(beginning):
            raise FileError.of(Code.FILE_OF_OTHER_KIND, kind=kind)
    if MARKUP.match(start.removeprefix(BOM)):
        is_xml = start.removeprefix(BOM).lstrip().startswith(b"<?xml")
        kind = "XML" if is_xml and b"<html" not in start.lower() else "HTML"
        raise FileError.of(Code.FILE_OF_OTHER_KIND, kind=kind)


def wide_encoding(start: bytes) -> str:
    """UTF-16 by its mark, or by the empty halves of ASCII letters; else ""."""
    if start[:2] in UTF16:
        return "utf-16"
    even, odd = start[0::2], start[1::2]
    for encoding, empty, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if empty.count(0) * 2 > len(empty) and not others.count(0):
            return encoding
    return ""


def wide_lines(file: BinaryIO, encoding: str) -> int:
    """Raises FileError if it cannot be decoded."""
    refuse_undecodable(file, encoding)
    file.seek(0)
    mark = "\n".encode("utf-16-be" if encoding == "utf-16-be" else "utf-16-le")
    return sum(chunk.count(mark) for chunk in chunks(file))


def digest_of(path: Path) -> str:
    """Raises FileError if the file is gone."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise FileError.of(Code.FILE_GONE) from None


def measure_text(file: BinaryIO) -> tuple[str, int]:
    """The digest and the number of lines. Raises FileError at a NUL or an endless line."""
    digest = hashlib.sha256()
    lines = since_line_end = 0
    for chunk in chunks(file):
        digest.update(chunk)
        if (nul := chunk.find(b"\0")) >= 0:
            line = lines + chunk.count(b"\n", 0, nul) + 1
            raise FileError.of(Code.LINE_WITH_NUL, line=line)
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        since_line_end = len(chunk) - last if last >= 0 else since_line_end + len(chunk)
        if since_line_end > MAX_LINE_BYTES:
            line = lines + chunk.count(b"\n") + 1
            most = MAX_LINE_BYTES >> 10
            raise FileError.of(Code.LINE_TOO_LONG, line=line, most=most)
        # Files of old Macs end lines by CR alone.
        lines += chunk.count(b"\n") or chunk.count(b"\r")
    return digest.hexdigest(), lines


def encoding_of(file: BinaryIO, familiar: Collection[str]) -> tuple[str, Guess | None]:
    """UTF-8 with or without its mark, else the likeliest encoding that explains every byte."""
    file.seek(0)
    marked = file.read(len(BOM)) == BOM
    bad_line = first_undecodable(file, "utf-8")
    if bad_line is None:
        return "utf-8-sig" if marked else "utf-8", None
    line, is_utf8 = bad_line
    if not (marked or is_utf8):
        lines = foreign_lines(file)
        found = guess_encoding(
            lines, lambda encoding: first_undecodable(file, encoding) is None, familiar
        )
        if found is not None:
            return found.encoding, found
    raise FileError.of(Code.LINE_IN_NO_ENCODING, line=line)


def foreign_lines(file: BinaryIO) -> list[bytes]:
    """The first lines that are not ASCII, cut if they are long."""
    file.seek(0)
    text = TextIOWrapper(file, "latin-1")  # a sign for each byte
    found: list[bytes] = []
    room = SAMPLE_BYTES
    for line in text:
        if not line.isascii():
            data = line.rstrip("\n").encode("latin-1")
            found.append(beginning(data, room))
            room -= len(data)
            if len(found) == SAMPLE_LINES or room <= 0:
                break
    text.detach()
    return found


def beginning(line: bytes, most: int) -> bytes:
    """At most `most` bytes of a line, ending with a whole character; b"" if that is impossible."""
    if len(line) <= most:
        return line
    whole = WHOLE.match(line, 0, most)
    return whole[0] if whole else b""


def refuse_undecodable(file: BinaryIO, encoding: str) -> None:
    if bad_line := first_undecodable(file, encoding):
        name = NAMES.get(encoding, encoding.upper())
        raise FileError.of(Code.LINE_NOT_IN_ENCODING, line=bad_line[0], encoding=name)


def first_undecodable(file: BinaryIO, encoding: str) -> tuple[int, bool] | None:
    """The first line that cannot be decoded, and whether the text before it was surely UTF-8; None
    if all can be decoded."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    lines, is_utf8 = 0, False
    try:
        for chunk in chunks(file):
            text = decoder.decode(chunk)
            is_utf8 = is_utf8 or (not text.isascii() and bool(SURELY_UTF8.search(text)))
            lines += chunk.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        before_text = before.decode(encoding, "ignore")
        is_utf8 = is_utf8 or bool(SURELY_UTF8.search(before_text))
        return lines + before.count(b"\n") + 1, is_utf8
    return None


def chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def check_workbook(path: Path, max_unpacked: int) -> None:
    """Refuse zip bombs before anything is unpacked; core/importing/parts.py limits the XML."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            # zipfile never unpacks more than these sizes.
            unpacked = sum(member.file_size for member in members)
            if unpacked > max_unpacked:
                raise FileError.of(Code.WORKBOOK_TOO_LARGE, most=max_unpacked >> 20)
            if unpacked > MOST_UNPACKED + MOST_RATIO * path.stat().st_size or len(members) > PARTS:
                raise FileError.of(Code.WORKBOOK_IS_BOMB)
            for member in members:
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise zipfile.BadZipFile("packed in a way that no spreadsheet knows")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise FileError.of(Code.WORKBOOK_DAMAGED) from None
