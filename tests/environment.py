"""Loaded before Django reads its settings (-p in pyproject.toml): a folder and a secret of the
tests' own, so that nothing of the developer's office is seen or touched."""

import atexit
import os
import shutil
import tempfile

OTHERS = (
    *("DATABASE_URL", "REDIS_URL", "ADMIN_PASSWORD", "DEBUG", "HTTPS", "PORT", "PRIVATE_SITES"),
    *("EMAIL_URL", "EMAIL_FROM", "PORTAL_LINK_HOURS", "SECRET_KEY_FALLBACKS"),
)

data_dir = tempfile.mkdtemp(prefix="office-tests-")
atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
for name in OTHERS:
    os.environ.pop(name, None)
os.environ["DATA_DIR"] = data_dir
# alice has no phone; tests/test_two_step.py turns it on.
os.environ["REQUIRE_TWO_STEP"] = "off"
os.environ["SECRET_KEY"] = "a secret of the tests, the same in all their programs"
