"""Parts of pages that are the same for everybody who may see them: made once for the same rows,
however many people look.

Law: nothing kept is older than the rows. Its key holds their version (core/db/versions.py), which
is asked before they are read and before a kept part is used, so after any commit other keys are
looked for. What no commit changes (clocks, the queue) is at most KEPT_SECONDS old. The right to see
a part is checked before; the price of an order never comes from here.
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
    """The result of each, by name, all of the same rows: plain values as in JSON. Markup comes back
    as text, so the caller must mark it safe."""
    version = rows_version()
    if version is None:
        return {name: one() for name, one in make.items()}
    # Languages write amounts and dates differently, and a day begins without a commit.
    place = f"{version}:{get_language()}:{timezone.localdate()}"
    keys = {name: f"{place}:{name}" for name in make}
    found = caches[CACHE].get_many(keys.values())
    made = {keys[name]: one() for name, one in make.items() if keys[name] not in found}
    if made:
        caches[CACHE].set_many(made, KEPT_SECONDS)
    found |= made
    return {name: found[key] for name, key in keys.items()}
