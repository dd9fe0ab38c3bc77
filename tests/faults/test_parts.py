"""`make faults PART=...`: the parts together are the whole table."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.conftest import keep_part


def test_each_test_of_a_fault_is_in_one_part():
    files = [path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")]
    assert Counter(name for names in table.PARTS.values() for name in names) == Counter(files)


def test_a_part_leaves_out_the_others(request):
    items = list(request.session.items)
    own = [item for item in items if item.path == request.path]
    keep_part("people", request.config, items)
    assert set(own) <= set(items)
    keep_part("kills", request.config, items)
    assert items == []


def test_an_unknown_part_stops_the_start(request):
    with pytest.raises(pytest.UsageError, match="PART=everything is none of kills, rounds"):
        keep_part("everything", request.config, [])
