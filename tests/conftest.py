"""What every test finds: an office's environment of its own, services, sites and whole offices."""

import os
import tempfile

# Before Django reads its settings: nothing of the developer's own office is touched.
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="office-tests-")
os.environ.setdefault("SECRET_KEY", "a secret of the tests, the same in all their programs")
for name in ("DATABASE_URL", "REDIS_URL", "ADMIN_PASSWORD", "DEBUG", "HTTPS", "PORT"):
    os.environ.pop(name, None)

import pytest

from tests.services import PostgresServer, RedisServer
from tests.sites import DemoSite

pytest_plugins = ["tests.office"]


@pytest.fixture(scope="session")
def postgres():
    with PostgresServer(fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def redis():
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def demo_site_process():
    with DemoSite("--extra", "5000") as site:
        yield site


@pytest.fixture
def demo_site(demo_site_process):
    """The demo site without faults; its counters go on from test to test."""
    yield demo_site_process
    demo_site_process.clear()
