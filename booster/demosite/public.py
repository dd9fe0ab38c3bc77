"""Files that the site's owner lays into a folder, such as a proof of ownership.

They are looked up at each request: taking a file away takes effect at once.
"""

import os
import re
import stat
from pathlib import Path

from .messages import HTML, JSON, TEXT, Answer

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
MAX_BYTES = 1 << 20
TYPES = {".txt": TEXT, ".json": JSON, ".html": HTML}
HEADERS = b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"


class PublicFiles:
    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, name: str) -> Answer | None:
        """The file as an answer. Plain names only: no folders, hidden files or links."""
        if self._folder is None or not NAME.match(name):
            return None
        body = _read_regular(self._folder / name)
        if body is None:
            return None
        content_type = TYPES.get(Path(name).suffix, b"application/octet-stream")
        return Answer(body, content_type, headers=HEADERS)


def _read_regular(path: Path) -> bytes | None:
    try:
        # O_NONBLOCK: opening a named pipe must not stop the whole site.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read(MAX_BYTES)
