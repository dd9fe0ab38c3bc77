"""The table of faults: one line for each, with what was tried and what came of it.

Printed at the end of a run of pytest, ready for docs/faults.md. With FAULTS_RESULTS=<file> each
test adds its figures there as a line of JSON, so that a table of several runs can be printed:

    python -m tests.faults.table <file>
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

# What befalls the office, and which tests try it: `make faults ARGS="-k <...>"`.
FAULTS = {
    "kills": ("consumers killed, or frozen past their lease", "test_kills"),
    "crashes": ("killed at each named point", "test_crashes"),
    "rounds": ("a round of many orders killed at each named point", "round_that_dies"),
    "takeover": ("one of two consumers killed, many orders waiting", "whatever_waits"),
    "beside": ("a small order beside a large one on one site", "beside_a_large"),
    "partition": ("a consumer that reaches its site but not its database", "test_partition"),
    "uploads": ("uploads killed at any moment", "test_uploads"),
    "stops": ("rolling restart by SIGTERM", "test_stops"),
    "redis": ("Redis killed, emptied, frozen, full; down all the time", "redis"),
    "postgres": ("PostgreSQL stopped, killed, its connections cut", "test_postgres"),
    "read-only": ("PostgreSQL only reads for a while", "only_reads"),
    "upgrades": ("PostgreSQL migrated while others write to every large table", "test_upgrades"),
    "locked": ("SQLite locked by another writer", "the_lock or locked"),
    "full": ("SQLite full", "fills"),
    "copies": ("SQLite and its WAL copied at any moment", "copy"),
    "buyers": ("64 orders at once on a balance for 10", "test_of_64"),
    "form": ("an order form posted 10 times at once", "form_posted"),
    "staff": ("two staff at once, on old pages", "two_staff"),
    "sites": ("a site that misbehaves", "misbehave or breaks_tls"),
    "down": (
        "a site that is down; poisoned orders; deadlines",
        "site_that_is_down or test_holding",
    ),
    "blips": ("answers of a bad moment, at any moment", "test_blips"),
    "proof": ("other people's views, cancels at any moment, own readings", "test_proof"),
    "lies": ("a site whose counter lies", "lying"),
    "addresses": ("redirects and addresses off the verified host", "test_addresses"),
    "ownership": ("machines that did not prove themselves, behind every name", "test_ownership"),
    "tasks": ("tasks delivered 5 times, shuffled, 30 % lost", "tasks"),
    "messages": ("messages of another key in the queue", "another_key"),
    "clocks": ("hosts' clocks an hour behind and ahead", "test_clocks"),
    "hosts": ("three hosts, a site and two databases on machines of their own", "test_hosts"),
}
# What one command tries, `make faults PART=<name>`, in at most 80 minutes: names of test files.
PARTS = {
    "kills": ("kills",),
    "rounds": ("rounds", "partition", "clocks"),
    "crashes": ("crashes", "uploads"),
    "databases": ("postgres", "sqlite", "upgrades"),
    "hosts": ("machines", "hosts"),
    "queue": ("queue", "stops"),
    "sites": ("sites",),
    "proof": ("proof", "blips", "calibration"),
    "people": ("money", "staff", "holding", "addresses", "ownership", "parts"),
}
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True, slots=True)
class Line:
    """One test's figures. `control`: which guard was off in a `test` that has to see it fail."""

    fault: str
    office: str
    tried: str
    orders: int = 0
    plays: int = 0
    lost: int = 0
    twice: int = 0
    figures: str = ""
    control: str = ""
    test: str = ""


def keep(line: Line) -> None:
    if path := os.environ.get("FAULTS_RESULTS"):
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")


def markdown(lines: Iterable[Line]) -> Iterator[str]:
    """One row a fault, in the order of FAULTS, and what each control showed."""
    lines = list(lines)
    yield "| fault | tried | orders, plays | lost | twice | figures | `make faults ARGS=` |"
    yield "|---|---|---|---|---|---|---|"
    for fault, (title, tests) in FAULTS.items():
        own = [line for line in lines if line.fault == fault and not line.control]
        if own:
            orders, plays = sum(line.orders for line in own), sum(line.plays for line in own)
            lost, twice = sum(line.lost for line in own), sum(line.twice for line in own)
            bought = f"{orders:,}, {plays:,}" if orders else ""
            tried = by_database((line.office, line.tried) for line in own)
            figures = by_database((line.office, line.figures) for line in own)
            sums = f"{bought} | {lost} | {twice}"
            yield f'| {title} | {tried} | {sums} | {figures} | `-k "{tests}"` |'
    controls = [line for line in lines if line.control]
    if controls:
        yield ""
        yield f"{len({line.control for line in controls})} guards off, each seen to fail:"
        yield ""
        for name in dict.fromkeys(line.control for line in controls):
            own = [line for line in controls if line.control == name]
            seen = by_database((line.office, line.figures) for line in own)
            yield f"- {name} (`{own[0].test}`): {seen}"


def by_database(texts: Iterable[tuple[str, str]]) -> str:
    """What was said of each database; once where it is the same."""
    said: dict[str, list[str]] = {}
    for office, text in texts:
        if text and text not in said.setdefault(office, []):
            said[office].append(text)
    joined = {office: ", ".join(parts) for office, parts in said.items() if parts}
    if len(joined) < 2:
        return "".join(joined.values())
    if len(set(joined.values())) == 1:
        return f"{next(iter(joined.values()))}, on each database"
    return "; ".join(
        f"{DATABASES[office]}: {text}" if office else text for office, text in joined.items()
    )


def main() -> None:
    texts = [text for path in sys.argv[1:] for text in Path(path).read_text().splitlines()]
    lines = [Line(**json.loads(text)) for text in texts]
    print("\n".join(markdown(lines)))


if __name__ == "__main__":
    main()
