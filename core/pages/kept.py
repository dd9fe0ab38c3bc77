"""Parts of pages that are the same for everybody who may see them: made once for the same rows,
however many look.

Law: nothing kept is older than the rows. Its key holds their version (core/db/versions.py), which
is asked before they are read and before what is kept is used: whatever anybody commits, other keys
are looked for. What no commit changes (clocks, the queue) is KEPT_SECONDS old at most. Who
may see a part is decided before; what it costs to buy is never taken from here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.cache import caches
from django.utils import timezone
from django.utils.translation import get_language

from core.db.versions import rows_version

CACHE = "parts"
KEPT_SECONDS = 3


def kept(make: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """What each of these makes, by the same names, all of the same rows: plain values such as JSON
    has. A part's markup comes back as text, to be marked safe by whoever made it."""
    version = rows_version()
    if version is None:
        return {name: one() for name, one in make.items()}
    # Amounts and dates are not written alike in all languages, and days begin without a commit.
    place = f"{version}:{get_language()}:{timezone.localdate()}"
    keys = {name: f"{place}:{name}" for name in make}
    found = caches[CACHE].get_many(keys.values())
    made = {keys[name]: one() for name, one in make.items() if keys[name] not in found}
    if made:
        caches[CACHE].set_many(made, KEPT_SECONDS)
    found |= made
    return {name: found[key] for name, key in keys.items()}
