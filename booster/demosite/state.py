"""Counters that outlive the process: one JSON file, replaced whole by rename."""

import asyncio
import json
import logging
import os
import time
from pathlib import Path

from .plays import PlayBook

FORMAT = 1
EVERY_SECONDS = 1.0
MAX_SHARE = 0.05  # of the time may go into saving: a big book is saved less often

log = logging.getLogger(__name__)


class StateError(ValueError):
    """A state file that cannot be read or written; the message names it."""


class StateFile:
    """Saves a book to `path` when it has changed. A kill loses about the last second."""

    def __init__(self, path: Path, book: PlayBook) -> None:
        self._path = path
        self._book = book
        self._saved_changes = 0
        self._next = 0.0
        self._writing: asyncio.Future[None] | None = None

    def load(self) -> None:
        """Raises StateError; a file that is not there yet is an empty one."""
        try:
            dumped = json.loads(self._path.read_text(encoding="utf-8"))
            if dumped["format"] != FORMAT:
                raise ValueError(f"format {dumped['format']!r} is not {FORMAT}")
            self._book.load(dumped)
        except FileNotFoundError:
            self.save()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"state file {self._path} cannot be used: {error}") from error

    def save(self) -> None:
        """Write now and wait for it. Raises StateError."""
        changes = self._book.changes
        try:
            self._write(self._dump())
        except OSError as error:
            raise StateError(f"state file {self._path} cannot be written: {error}") from error
        self._saved_changes = changes

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called often from the loop: starts a save in a thread when one is due."""
        now = time.monotonic()
        idle = self._writing is None or self._writing.done()
        if not idle or now < self._next or self._book.changes == self._saved_changes:
            return
        changes, data = self._book.changes, self._dump()
        dumping = time.monotonic() - now
        self._next = now + max(EVERY_SECONDS, dumping / MAX_SHARE)
        self._writing = loop.run_in_executor(None, self._write, data)
        self._writing.add_done_callback(lambda done: self._written(done, changes))

    async def close(self) -> None:
        """The last save, after the one that may still be on its way."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self.save()

    def _written(self, done: asyncio.Future[None], changes: int) -> None:
        error = done.exception()
        if error is None:
            self._saved_changes = changes
        else:
            log.error("state file %s: not saved, will try again: %s", self._path, error)

    def _dump(self) -> bytes:
        return json.dumps({"format": FORMAT, **self._book.dump()}).encode()

    def _write(self, data: bytes) -> None:
        draft = self._path.with_name(self._path.name + ".new")
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
