"""What every test finds: services, sites and whole offices."""

import pytest
from django.utils import translation

from tests.services import PostgresServer, RedisServer
from tests.sites import DemoSite

pytest_plugins = ["tests.base", "tests.office"]


@pytest.fixture(autouse=True)
def the_offices_own_language():
    """A page asked for in Chinese leaves its thread so, for whichever test comes next."""
    yield
    translation.deactivate()


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
