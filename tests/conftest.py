"""What every test finds: services, sites and whole offices."""

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import override_settings
from django.utils import translation
from xdist.scheduler import LoadFileScheduling

import office.urls  # noqa: F401  # the process of the tests is a web process as well
from booster import retry
from tests.services import RedisServer
from tests.sites import DemoSite

pytest_plugins = ["tests.base", "tests.office", "tests.templates"]

# A busy machine takes its time, and is no fault of what is tested.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

TESTS = Path(__file__).parent
BROWSER = TESTS / "browser"
# Who asks for one of these starts a database server, a queue's, a consumer or a web server.
SERVICES = {
    *("postgres", "redis", "own_redis", "redis_server", "office", "new_office", "large", "lan"),
    *("hitcount", "wordpress"),
}
# The marks of tests that take seconds each.
LONG = ("browser", "faults", "services", "slow", "timing")
LONG_SECONDS = 4
# What takes long all the same, or far longer: seconds on two cores, those of a browser apart.
LONGEST = {
    "test_queue_offices": 190,
    "test_proving": 180,
    "faults/test_rounds": 170,
    "test_journey": 150,
    "faults/test_sites": 120,
    "faults/test_kills": 110,
    "test_rounds": 100,
    "test_behind_nginx": 100,
    "test_bombs": 100,
    "test_calibrating": 80,
    "test_calibrating_real": 80,
    "test_fuzz": 60,
    "test_hostile_forms": 60,
}
# Those of a browser that open offices of their own, so that another process may have them.
APART = {
    f"test_{name}.py"
    for name in ("conversation", "drafts", "keyboard", "live", "order_journey", "portal")
}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Marks are set before `-m` looks at them; in order is put what it left."""
    mark_services(items)
    yield
    put_in_order(items)


def pytest_collection_finish() -> None:
    """Five thousand tests and what they import stay to the end: no collection of garbage looks
    through them again."""
    gc.collect()
    gc.freeze()


def mark_services(items: list[pytest.Item]) -> None:
    """What `make quick` leaves out by what it asks for, so that no test has to be named."""
    for item in items:
        kinds = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if SERVICES.intersection(item.fixturenames) or "postgresql" in kinds:
            item.add_marker("services")


def put_in_order(items: list[pytest.Item]) -> None:
    """The files that take longest first: of several processes none is left alone with one."""
    seconds = Counter[Path]()
    for item in items:
        if any(map(item.get_closest_marker, LONG)):
            seconds[item.path] += LONG_SECONDS
    for name, known in LONGEST.items():
        seconds[TESTS / f"{name}.py"] = known
    items.sort(key=lambda item: (group(item.path), -seconds[item.path], item.path))


def group(path: Path) -> str:
    """What goes to one process: a file, or files that drive a browser, whose office and browser are
    opened once. Sorted, those come first."""
    if path.parent != BROWSER:
        return "files"
    return "apart" if path.name in APART else "browser"


class ByFile(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        name = group(TESTS.parent / scope)
        return scope if name == "files" else name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


class QuickHasher(PBKDF2PasswordHasher):
    """Hashes that everybody can check, made without the half second that keeps guessers away."""

    iterations = 1


@pytest.fixture(autouse=True, scope="session")
def quick_settings():
    """Whole offices, which run in processes of their own, know nothing of these."""
    hasher = f"{QuickHasher.__module__}.{QuickHasher.__qualname__}"
    # Else every client of a test looks through all static files before its first request.
    with override_settings(PASSWORD_HASHERS=[hasher], WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(autouse=True)
def the_offices_own_language():
    """A page asked for in Chinese leaves its thread so, for whichever test comes next."""
    yield
    translation.deactivate()


@pytest.fixture
def impatient(monkeypatch):
    """A site that says "not now" to a call is asked once more, and at once."""
    monkeypatch.setattr(retry, "ASKING", retry.BackOff(0.0, 0.0, attempts=2))


@pytest.fixture(scope="session")
def redis():
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_redis():
    """One that a test may spoil."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def demo_site_process():
    with DemoSite(extra=5000) as site:
        yield site


@pytest.fixture
def demo_site(demo_site_process):
    """The demo site without faults; its counters go on from test to test."""
    yield demo_site_process
    demo_site_process.clear()
