"""What kind of file is this? Read once, as bytes, before anything looks at rows.

Everything that makes a file unreadable as a whole ends here in one FileError whose reason tells a
clerk what to do; nothing has been written then.
"""

import codecs
import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.reasons import Code, Reason

CHUNK = 1 << 16
# No row of ours is near it; a file without line ends is no table.
MAX_LINE_BYTES = 1 << 20
BOM = codecs.BOM_UTF8
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# Three-byte characters: GB18030 text does not look like them by chance, as it does like two-byte
# ones, so that a bad byte after them is a bad byte in UTF-8.
SURELY_UTF8 = re.compile("[\u0800-\uffff]")


class FileError(Exception):
    """The file cannot be taken at all."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DetectedFile:
    """`encoding` is "xlsx" or a codec's name; `lines` counts line ends, an estimate of rows."""

    encoding: str
    sha256: str
    lines: int


def detect_file(path: Path, *, max_bytes: int, max_unpacked: int) -> DetectedFile:
    """Raises FileError where the file cannot be taken at all."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise FileError(Reason.of(Code.FILE_GONE)) from None
    if size == 0:
        raise FileError(Reason.of(Code.FILE_EMPTY))
    if size > max_bytes:
        raise FileError(Reason.of(Code.FILE_TOO_LARGE, most=max_bytes >> 20))
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == ZIP:
            check_workbook(path, max_unpacked)
            return DetectedFile("xlsx", digest_of(path), 0)
        if start == OLE:
            raise FileError(Reason.of(Code.FILE_OF_OLD_EXCEL))
        if start[:2] in UTF16:
            raise FileError(Reason.of(Code.FILE_IN_UTF16))
        return detect_text(file)


def digest_of(path: Path) -> str:
    """Raises FileError where the file is gone."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise FileError(Reason.of(Code.FILE_GONE)) from None


def detect_text(file: BinaryIO) -> DetectedFile:
    """Raises FileError at a NUL, an endless line, or a byte that no encoding of ours explains."""
    digest = hashlib.sha256()
    lines = since_line_end = 0
    for chunk in chunks(file):
        digest.update(chunk)
        if (nul := chunk.find(b"\0")) >= 0:
            line = lines + chunk.count(b"\n", 0, nul) + 1
            raise FileError(Reason.of(Code.LINE_WITH_NUL, line=line))
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        since_line_end = len(chunk) - last if last >= 0 else since_line_end + len(chunk)
        if since_line_end > MAX_LINE_BYTES:
            line = lines + chunk.count(b"\n") + 1
            most = MAX_LINE_BYTES >> 10
            raise FileError(Reason.of(Code.LINE_TOO_LONG, line=line, most=most))
        # Files of old Macs end lines by CR alone.
        lines += chunk.count(b"\n") or chunk.count(b"\r")
    return DetectedFile(encoding_of(file), digest.hexdigest(), lines)


def encoding_of(file: BinaryIO) -> str:
    """UTF-8 with or without its mark, else GB18030, whichever explains every byte."""
    file.seek(0)
    marked = file.read(len(BOM)) == BOM
    bad_line = first_undecodable(file, "utf-8")
    if bad_line is None:
        return "utf-8-sig" if marked else "utf-8"
    line, is_utf8 = bad_line
    if not (marked or is_utf8):
        found = first_undecodable(file, "gb18030")
        if found is None:
            return "gb18030"
        line = max(line, found[0])
    raise FileError(Reason.of(Code.LINE_IN_NO_ENCODING, line=line))


def first_undecodable(file: BinaryIO, encoding: str) -> tuple[int, bool] | None:
    """The first line that cannot be decoded, and whether what came before it surely was UTF-8;
    None when all can."""
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
        is_utf8 = is_utf8 or bool(SURELY_UTF8.search(before.decode(encoding)))
        return lines + before.count(b"\n") + 1, is_utf8
    return None


def chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def check_workbook(path: Path, max_unpacked: int) -> None:
    """Refuse zip bombs and XML that defines entities, before any XML is parsed."""
    try:
        with zipfile.ZipFile(path) as archive:
            # No more than these sizes is ever unpacked: zipfile stops where they say.
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > max_unpacked:
                raise FileError(Reason.of(Code.WORKBOOK_TOO_LARGE, most=max_unpacked >> 20))
            for member in archive.infolist():
                if member.filename.endswith((".xml", ".rels")):
                    with archive.open(member) as part:
                        if b"<!DOCTYPE" in part.read(4096):
                            raise FileError(Reason.of(Code.WORKBOOK_WITH_DOCTYPE))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise FileError(Reason.of(Code.WORKBOOK_DAMAGED, error=str(error))) from None
