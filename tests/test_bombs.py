"""Uploads that were made to stop whoever opens them: refused in a sentence, with little memory and
in a short time, and never opened by the web."""

import functools
import math
import time
from typing import Any

import psutil
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.importing import store
from core.models import ImportJob
from core.reasons import Code
from tests.base import lost_wake_ups
from tests.bombs import BOMBS, SIZE, taken_by
from tests.processes import folder

IMPORT = "/admin/core/customer/import/"
# Of any upload of a megabyte.
MOST_MEGABYTES = 150
MOST_SECONDS_IN_THE_WEB = 2.0  # of a processor, also of a slow machine
# Of processors, also of a slow machine: 25 on a quiet one.
MOST_SECONDS = 120.0

# Reads a file as the check does, and says how it ended, what it took with the process that it
# starts, of memory and of processors, and for how long it was not asked whether to go on.
READ = """
import json, os, re, sys, threading, time
from pathlib import Path
import django
django.setup()
from core.importing.detection import FileError, detect_file
from core.importing.rows import open_table
import psutil
def peak(process="self"):  # getrusage would tell the parent's
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\\s+(\\d+)", status)
    return int(found[1]) / 1024 if found else 0
peaks = {}
def look():  # late, since a process that was just made has its parent's
    while True:
        for child in psutil.Process().children():
            try:
                peaks[child.pid] = peak(child.pid) or peaks.get(child.pid, 0)
            except OSError:
                pass
        time.sleep(0.005)
threading.Thread(target=look, daemon=True).start()
before, busy = peak(), sum(os.times()[:4])
started, asked = time.monotonic(), []
try:
    path = Path(sys.argv[1])
    found = detect_file(path, max_bytes=256 << 20)
    with open_table(path, found.encoding, lambda: asked.append(time.monotonic())) as table:
        rows = sum(len(block.rows) for block in table.blocks())
    ended = f"{rows} rows"
except FileError as error:
    ended = error.reason.code
pauses = [later - earlier for earlier, later in zip([started, *asked], [*asked, time.monotonic()])]
print(json.dumps({
    "ended": str(ended),
    "seconds": sum(os.times()[:4]) - busy,
    "megabytes": peak() - before + max(peaks.values(), default=0),
    "silent": max(pauses),
}))
"""


@functools.cache
def read(name: str) -> dict[str, Any]:
    """Once for all that is asked of it."""
    path = folder("bomb") / "bomb.xlsx"
    path.write_bytes(BOMBS[name]())
    assert path.stat().st_size <= SIZE * 1.05
    return taken_by(READ, path)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_in_little_memory_and_short_time(name):
    took = read(name)
    assert took["megabytes"] <= MOST_MEGABYTES, took
    assert took["seconds"] <= MOST_SECONDS, took
    assert took["silent"] <= 30, took  # a lease is for longer, also on a busy machine


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a DTD", Code.WORKBOOK_WITH_DOCTYPE),
        ("a DTD behind a comment", Code.WORKBOOK_WITH_DOCTYPE),
        ("a DTD in UTF-16", Code.WORKBOOK_WITH_DOCTYPE),
        ("three kilobytes that are three megabytes of rows", Code.WORKBOOK_IS_BOMB),
        ("one endless cell", Code.WORKBOOK_IS_BOMB),
        ("one endless attribute", Code.WORKBOOK_IS_BOMB),
        ("elements in one another", Code.WORKBOOK_IS_BOMB),
        ("a long shared string in many rows", Code.WORKBOOK_IS_BOMB),
        ("many parts", Code.WORKBOOK_IS_BOMB),
        ("many sheets", Code.WORKBOOK_IS_BOMB),
        ("parts that are packed as no spreadsheet does", Code.WORKBOOK_DAMAGED),
    ],
)
def test_a_bomb_is_refused_by_name(name, code):
    assert read(name)["ended"] == code


UPLOADS = {
    "a workbook": BOMBS["millions of empty rows"],
    "shared strings": BOMBS["short shared strings"],
    "a DTD": BOMBS["a DTD"],
    "small text of many rows": lambda: b"username\n" + b"a\n" * 20_000,
    "small text of wide rows": lambda: b"username,balance\n" + b"," * 40_000,
    "small text of one line": lambda: b'username\n"' + b"x" * 40_000,
    "small text of no encoding": lambda: b"username\n" + bytes(range(128, 256)) * 350,
    "a megabyte of text": lambda: b"username\n" + b"a\n" * 490_000,
}


@pytest.mark.timing
@pytest.mark.parametrize("name", UPLOADS)
def test_the_web_takes_an_upload_in_short_time(name, super_desk, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    content = UPLOADS[name]()
    super_desk.get(IMPORT)
    process = psutil.Process()
    before, taken = process.memory_info().rss, []
    # Whoever shares a core gets less done in a second of it: the best of three tries.
    while len(taken) < 3 and min(taken, default=math.inf) > MOST_SECONDS_IN_THE_WEB:
        file, started = SimpleUploadedFile("customers.xlsx", content), time.process_time()
        with lost_wake_ups():
            answer = super_desk.post(IMPORT, {"file": file}, follow=True)
        taken.append(time.process_time() - started)
        assert answer.status_code == 200
    print(name, ", ".join(f"{seconds:.2f} s" for seconds in taken))
    assert min(taken) <= MOST_SECONDS_IN_THE_WEB
    assert (process.memory_info().rss - before) / 1e6 <= MOST_MEGABYTES


def test_the_web_opens_no_workbook_but_leaves_it_to_a_consumer(super_desk, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    with lost_wake_ups():
        file = SimpleUploadedFile("customers.csv", BOMBS["a DTD"]())
        super_desk.post(IMPORT, {"file": file}, follow=True)
    job = ImportJob.objects.get()
    assert (job.status, job.attempts) == (ImportJob.Status.CHECKING, 0)
    assert not store.is_text(job)
