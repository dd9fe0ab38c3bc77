"""Machines that did not show the token get the question for it and not a byte more: behind names
that lead elsewhere at each look-up, records of somebody's own name, redirects, second origins of
recipes.

Every schedule is drawn from the printed seed: whether the site's recipe has a second origin, what
each look-up of a name answers, and when the owner's machine shows the token.
"""

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta

import dns.resolver
import pytest
from django.utils import timezone

from booster.delivery import links
from booster.exceptions import SiteError
from booster.net.address import Origin
from booster.net.call import Call
from booster.net.client import SiteClient
from booster.ownership import verification
from booster.ownership.tokens import record_name
from core import ordering
from core.models import Order, OrderError, Site
from core.ordering import Quote, looks
from tests.base import placed
from tests.faults.trial import LONG
from tests.raw_server import Connection, RawServer, answer
from tests.rounds import deliver
from tests.test_ownership import NameServer
from tests.two_origins import RECIPE

SCHEDULES, STEPS = 100, 8
# An order is delivered in each so many-th schedule, for so long; what is left of it is canceled.
DELIVER_EVERY = 1 if LONG else 10
DELIVER_SECONDS = 1.5
HOST, FILMS, API = "videos.example", "films.example", "api.example"
OWNER, MOVED, STRANGER, FOREIGN = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
ANSWERS = (
    *((OWNER,), (STRANGER,), (STRANGER, OWNER), (OWNER, STRANGER)),
    *((MOVED,), (MOVED, STRANGER), (FOREIGN, MOVED), (FOREIGN,)),
)


class Machine:
    """A web server at an address of its own. `shows` says whether it shows the token to this
    question for it, which is one of a host; FOREIGN redirects every call to the stranger."""

    def __init__(self, address: str, port: int, shows: Callable[[], bool]) -> None:
        self.shows = shows
        self.tokens: list[str] = []
        self.views = 0
        self.proved_for: set[str] = set()  # hosts
        self.received: Counter[str] = Counter()  # bytes of other calls than that question, by host
        self.stray = 0  # of these, bytes before it had ever shown the token for that host
        self._lock = threading.Lock()
        self._redirects = address == FOREIGN
        self.server = RawServer(self._script, address=(address, port))

    def _script(self, connection: Connection) -> None:
        while request := connection.read_request():
            connection.send(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        text = request.decode("latin-1")
        verb, path = text.split()[:2]
        host = text.partition("\r\nHost: ")[2].partition(":")[0]
        with self._lock:
            for token in self.tokens:
                if verb == "GET" and path.endswith(f"/booster-office-{token}.txt"):
                    return self._token_answer(host, token)
            self.received[host] += len(request)
            self.stray += 0 if host in self.proved_for else len(request)
            if verb == "POST":
                self.views += 1
            return answer(json.dumps({"views": self.views}).encode())

    def _token_answer(self, host: str, token: str) -> bytes:
        if self._redirects:
            place = f"Location: http://{STRANGER}:{self.server.port}/token"
            return answer(status="302 Found", headers=(place,))
        if not self.shows():
            return answer(status="404 Not Found")
        self.proved_for.add(host)
        return answer(token.encode())


class Names:
    """A hostile name server in getaddrinfo's shape: each look-up of a site draws its answer."""

    def __init__(self, dice: random.Random, lookup: Callable[..., object]) -> None:
        self.dice, self._lookup = dice, lookup
        self.asked = 0

    def __call__(self, host: str, port: object, *args: object, **options: object) -> object:
        if host not in (HOST, FILMS, API):
            return self._lookup(host, port, *args, **options)
        self.asked += 1
        return [(socket.AF_INET, 1, 6, "", (one, port)) for one in self.dice.choice(ANSWERS)]


@pytest.fixture
def machines() -> Iterator[dict[str, Machine]]:
    with ExitStack() as stack:
        owner = Machine(OWNER, 0, lambda: True)
        found = {OWNER: owner}
        for address, shows in ((MOVED, True), (STRANGER, False), (FOREIGN, False)):
            found[address] = Machine(address, owner.server.port, lambda shows=shows: shows)
        for machine in found.values():
            stack.enter_context(machine.server)
        yield found


@pytest.fixture
def records(monkeypatch) -> Iterator[NameServer]:
    """A name server for TXT records, which the system's resolver asks."""
    server = NameServer()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    yield server
    server.close()


@pytest.fixture
def hostile(machines, records, erin, policies, bob, dice, settings, monkeypatch):
    """Sites whose names lead anywhere, also to machines that are not their owner's: one, and one
    whose counter and plays are at a second origin."""
    settings.PRIVATE_SITES = ("127.0.0.0/8",)
    names = Names(dice, socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    # Tokens are asked for so often that many look-ups fall into one order.
    monkeypatch.setattr(links, "ASK_SECONDS", 0.02)
    port = machines[OWNER].server.port
    site = Site.objects.create(name="Hostile", origin=f"http://{HOST}:{port}", verified=True)
    recipe = RECIPE | {"second_origin": f"http://{API}:{port}"}
    films = Site.objects.create(
        name="Films", origin=f"http://{FILMS}:{port}", adapter="http", recipe=recipe, verified=True
    )
    for machine in machines.values():
        machine.tokens = [site.token, films.token]
    # Somebody's own name has the record, wherever its address leads.
    for host, shown in ((HOST, site), (FILMS, films), (API, films)):
        records.records[record_name(host)] = [f'"{shown.token}"']
    return (site, films), names


def steps_of(site: Site, customer, dice: random.Random, number: int) -> None:
    """What people and workers do with a site, in any order."""
    address = f"{site.origin}/videos/v{number}"
    ways: list[Callable[[], object]] = [
        lambda: Quote.prepare(customer, address, 10_000),
        lambda: Quote.prepare(customer, address, 10_000, for_customer=True),
        lambda: verification.views_of(site, f"v{number}"),
        lambda: verification.ping(site),
        lambda: verification.verify(site),
        lambda: ordering.try_site(site, address),
    ]
    for _ in range(STEPS):
        with suppress(SiteError, OrderError):
            dice.choice(ways)()


def forget(machines: dict[str, Machine]) -> None:
    """A new schedule: nobody has shown anything yet."""
    for machine in machines.values():
        machine.proved_for.clear()


def test_only_a_machine_that_showed_the_token_is_sent_anything_else(
    hostile, machines, erin, dice, row, monkeypatch
):
    sites, names = hostile
    monkeypatch.setattr(looks, "FAILED", looks.FOUND * 0)  # each look is a new one
    monkeypatch.setattr(looks, "FOUND", looks.FOUND * 0)
    machines[OWNER].shows = lambda: dice.random() < 0.7
    for number in range(SCHEDULES):
        forget(machines)
        dice.seed(f"{dice.random()} {number}")
        site = dice.choice(sites)
        steps_of(site, erin, dice, number)
        if number % DELIVER_EVERY == 0:
            order = placed(erin, site, f"o{number}", price="0.05", count=300)
            end = time.monotonic() + DELIVER_SECONDS
            deliver(lambda end=end: time.monotonic() > end)
            Order.objects.filter(pk=order.pk).update(due=timezone.now() + timedelta(days=1))
        site.refresh_from_db()
    stray = sum(machine.stray for machine in machines.values())
    received = machines[OWNER].received + machines[MOVED].received
    tried = f"{SCHEDULES} schedules of {names.asked} look-ups, records, redirects, second origins"
    row("ownership", tried, figures=f"{stray} bytes before a proof, {received.total()} after one")
    assert stray == 0
    assert not machines[STRANGER].received + machines[FOREIGN].received
    assert received[HOST] > 0
    assert received[API] > 0
    assert received[FILMS] == 0
    assert names.asked >= SCHEDULES


def test_a_target_that_is_looked_up_anew_after_the_proof_reaches_strangers(
    hostile, machines, dice, control, monkeypatch
):
    """The control: what a reading and a trial did before."""
    (site, _films), _names = hostile
    monkeypatch.setattr("booster.net.client.proved_at", lambda target, origin: target)
    reached = 0
    for _ in range(SCHEDULES):
        forget(machines)
        before = machines[STRANGER].received.total()
        with suppress(SiteError):
            verification.proved_target(site)
            target = verification.resolve(Origin.parse(site.origin))[0]
            with SiteClient(target) as client:
                client.fetch(Call("/api/videos/v1"))
        reached += machines[STRANGER].received.total() > before
    control("proof of an address", f"a stranger reached in {reached} of {SCHEDULES} schedules")
    assert reached > 0
