"""Texts that were made to stop whoever opens them: read or refused within little memory and time,
whatever their shape."""

import pytest

from tests.bombs import taken_by
from tests.text_bombs import BOMBS, write

MOST_MEGABYTES = 150
# Of the process's own, on whatever machine; what it is about took minutes.
MOST_SECONDS = 60.0

# Takes a file apart as a check does, as far as that needs no database.
CHECK = """
import json, resource, sys, time
from pathlib import Path
import django
django.setup()
from core.importing.customers import CustomerRows
from core.importing.columns import layout_of
from core.importing.detection import FileError, detect_file
from core.importing.duplicates import DuplicateFinder
from core.importing.jobs import FOREIGN_TITLES
from core.importing.rows import open_table
from core.importing.decimal_signs import DecimalSigns
from core.importing.similar_names import SimilarNames
from core.models import ImportJob
def resident(what):
    status = Path("/proc/self/status").read_text()
    return int(status.partition(what)[2].split()[0]) / 1024
job = ImportJob(status=ImportJob.Status.CHECKING)
before, asked = resident("VmRSS:"), [time.monotonic()]
def on_chunk():
    asked.append(time.monotonic())
try:
    path, rows = Path(sys.argv[1]), 0
    found = detect_file(path, max_bytes=256 << 20, familiar=FOREIGN_TITLES)
    on_chunk()
    duplicates, similar = DuplicateFinder(), SimilarNames()
    with open_table(path, found.encoding, on_chunk) as table:
        layout = layout_of(table.header, CustomerRows.required, CustomerRows.optional)
        importer = CustomerRows(job, layout)
        for block in table.blocks():
            on_chunk()
            duplicates.add(importer.keys(block.whole(len(table.header))[0]))
            batch = importer.read(block, DecimalSigns())
            similar.add(batch.values["username"])
            rows += len(block.rows)
    ended = f"{rows} rows"
except FileError as error:
    ended = str(error.reason.code)
on_chunk()
print(json.dumps({
    "ended": ended,
    "megabytes": resident("VmHWM:") - before,
    "seconds": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]),
    "silent": max(later - earlier for earlier, later in zip(asked, asked[1:])),
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_text_is_taken_in_little_memory_and_short_time(name, tmp_path):
    path = tmp_path / "bomb.csv"
    write(name, path)
    took = taken_by(CHECK, path)
    assert took["megabytes"] <= MOST_MEGABYTES, took
    assert took["seconds"] <= MOST_SECONDS, took
    assert took["silent"] <= 30, took  # a lease is for longer, also on a busy machine
