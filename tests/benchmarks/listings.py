"""The desk's lists with as many orders as each database is for, 200,000 on SQLite and 5,000,000 on
PostgreSQL: `python -m tests.benchmarks.listings [--orders 5000000] [--rounds 5] [--quick]`.

On each kind of database two offices are made up, a small one with 5,000 orders and a large one, and
the same pages of both are asked for by one logged-in person, in turns, in one process: what is
compared is time in the server, from the request to the last byte. Where the small office has fewer
rows to show (marked *), its first page, which is full, stands for it. In the large office the same
page is asked of a stock ModelAdmin over the same table as well. Shown are medians of the rounds.

The last line is one order saved in the form. Its site is the demo site on this machine, which is
asked for its token and its counter as always.
"""

import argparse
import copy
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks.goals import Goal, tell

ROOT = Path(__file__).resolve().parents[2]
SMALL, LARGE = 5_000, 5_000_000
PROMISED = {"sqlite": 200_000, "postgresql": LARGE}
FIRST_PAGE_GOAL, OTHER_GOAL = 1.3, 2.0
SAVING_MILLISECONDS = 20
# SQLite reads or sorts all rows for some pages: what matters is how long a person waits.
SQLITE_GOAL_MS = 250
# A stock page is asked for again as long as it has taken less than this.
STOCK_SECONDS = 10
# Name -> query, and what it may cost of the same page of a stock ModelAdmin.
PAGES = {
    "first page": ("", 5),
    "last page": ("p={last}", 20),
    "page in the middle": ("p={middle}", None),
    "search: order number": ("q={oid}", 100),
    "search: customer": ("q={username}", 100),
    "search: beginning of many names": ("q=ann", None),
    "search: part of an address": ("q={part}", 100),
    "search: part of very many": ("q=harbour", None),
    "status, most orders": ("status__exact=3", None),
    "status, few orders": ("status__exact=9", None),
    "site": ("site__id__exact={site}", None),
    "site and status": ("site__id__exact={site}&status__exact=3", None),
    "customer": ("customer__id__exact={customer}", None),
    "needs attention": ("attention=1", None),
    "year": ("create_date__year={year}", None),
    "month": ("create_date__year={year}&create_date__month={month}", None),
    "month, site and status": (
        "create_date__year={year}&create_date__month={month}"
        "&site__id__exact={site}&status__exact=3",
        None,
    ),
    "sorted by status": ("o={by_state}", None),
    "sorted by price": ("o=-{by_shown_price}", None),
    "sorted by date, oldest first": ("o={by_create_date}", None),
    "status sorted by price": ("o=-{by_shown_price}&status__exact=3", None),
}


def main() -> int:
    options = parse_arguments()
    if options.office:
        serve(options)
        return 0
    from tests.services import PostgresServer

    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for kind in options.kinds.split(","):
            server = None
            if kind == "postgresql":
                server = stack.enter_context(PostgresServer(shared_buffers="512MB"))
            compare(kind, options, Path(folder), server)
    return 0


class Asked:
    """An office in a process of its own that answers one question a line."""

    def __init__(self, kind: str, size: int, folder: Path, server: Any) -> None:
        data_dir = folder / f"{kind}_{size}"
        data_dir.mkdir()
        env = {
            **os.environ,
            "DATA_DIR": str(data_dir),
            "SECRET_KEY": "benchmark " * 4,
            "ADMIN_PASSWORD": "benchmark-of-lists",
            "ALLOWED_HOSTS": "testserver,127.0.0.1",
        }
        if server:
            env["DATABASE_URL"] = server.create_database(f"office_{size}")
        command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.listings"]
        self.process = subprocess.Popen(
            [*command, "--office", str(size)],
            env=env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.made = self.answer()

    def ask(self, **question: Any) -> dict[str, Any]:
        assert self.process.stdin
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("an office of the benchmark failed; see above")
        return json.loads(line)

    def end(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()


def compare(kind: str, options: argparse.Namespace, folder: Path, server: Any) -> None:
    orders = options.orders or PROMISED[kind]
    small, large = (Asked(kind, size, folder, server) for size in (SMALL, orders))
    print(f"\n{kind}: {orders:,} orders made up in {large.made['seconds']:.0f} s\n")
    print("| page, ms in the server | small | large | large ÷ small | stock | stock ÷ large |")
    print(f"|{'---|' * 6}")
    goals, others, times = [], {}, {}
    for name, (query, share) in PAGES.items():
        grown, times[name], faster = line_of(name, query, bool(share), small, large, options)
        if name == "first page":
            what = f"{kind}: order list, first page, large ÷ small"
            goals.append(Goal(what, grown, FIRST_PAGE_GOAL, at_most=True))
        else:
            others[name] = grown
        if share:
            # A stock list is as slow as it is long: the goal is for the large size.
            goal = share if orders >= LARGE else None
            goals.append(Goal(f"{kind}: {name}, stock ÷ ours", faster, goal, form=".0f"))
    if kind == "sqlite":
        worst = max(times, key=times.__getitem__)
        what = f"{kind}: the slowest page ({worst}), ms"
        goals.append(Goal(what, times[worst], SQLITE_GOAL_MS, at_most=True, form=".0f"))
    else:
        worst = max(others, key=others.__getitem__)
        what = f"{kind}: the slowest of the other pages ({worst}), large ÷ small"
        goals.append(Goal(what, others[worst], OTHER_GOAL, at_most=True))
    tell([*goals, saving(kind, large, options)])
    for office in (small, large):
        office.end()
    shutil.rmtree(folder / f"{kind}_{orders}", ignore_errors=True)


def line_of(
    name: str,
    query: str,
    beside_stock: bool,
    small: Asked,
    large: Asked,
    options: Any,
) -> tuple[float, float, float]:
    """One page; by how much it grows, its milliseconds, how often it goes into a stock one."""
    sizes: dict[Asked, list[float]] = {small: [], large: []}
    queries = dict.fromkeys(sizes, query)
    # The first answers fill caches.
    if len({office.ask(page=query)["rows"] for office in sizes}) > 1:
        queries[small], name = "", f"{name} *"
    for _ in range(options.rounds):
        for office, seen in sizes.items():
            seen.append(office.ask(page=queries[office])["ms"])
    few, many = (statistics.median(seen) for seen in sizes.values())
    cells, faster = [name, f"{few:.1f}", f"{many:.1f}", f"{many / few:.2f}", "", ""], 0.0
    if beside_stock:
        stock = large.ask(stock=query, rounds=min(3, options.rounds))["ms"]
        faster = stock / many
        cells[-2:] = [f"{stock:,.0f}", f"{faster:.0f}"]
    print(f"| {' | '.join(cells)} |", flush=True)
    return many / few, many, faster


def saving(kind: str, large: Asked, options: Any) -> Goal:
    figures = large.ask(saving=20 if options.quick else 100)
    print(
        f"\nOne order saved in the form: {figures['form']:.1f} ms, for {figures['site']:.1f} of "
        "which the site was asked."
    )
    what = f"{kind}: order saved in the form, without the site's answers, ms"
    return Goal(what, figures["own"], SAVING_MILLISECONDS, at_most=True, form=".1f")


# --- one office


def serve(options: argparse.Namespace) -> None:
    from tests.sites import DemoSite

    with DemoSite(extra=1000) as site:
        os.environ["PRIVATE_SITES"] = f"127.0.0.1:{site.port}"
        os.environ["DJANGO_SETTINGS_MODULE"] = "office.settings"
        import django

        django.setup()
        made = open_office(options.office)
        print(json.dumps({"seconds": made}), flush=True)
        desk = Desk(site)
        for line in sys.stdin:
            print(json.dumps(desk.answer(json.loads(line))), flush=True)


def open_office(size: int) -> float:
    """An office with so many orders; in how many seconds."""
    from django.core.management import call_command

    from tests.demodata.office import make_up

    began = time.monotonic()
    with Path(os.devnull).open("w") as nowhere:
        call_command("init_office", stdout=nowhere)
    make_up(size)
    return time.monotonic() - began


class Desk:
    """One person at a desk."""

    def __init__(self, site: Any) -> None:
        from django.test import Client

        from core.models import Order, User

        self.site = site
        self.client = Client()
        user = User.objects.get(username="admin")
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        number = Order.objects.order_by("-id")[0].pk
        order = Order.objects.select_related("customer").get(pk=number - number // 3)
        self.words = {
            "oid": order.oid,
            "username": order.customer.username,
            "part": order.url[-14:],
            "site": order.site_id,
            "customer": order.customer_id,
            "year": order.create_date.year,
            "month": order.create_date.month,
        }
        self.words |= self.pages()
        # We estimate how many pages there are, a stock list counts.
        self.stock_words = {"last": -(-Order.objects.count() // 100)}

    def pages(self) -> dict[str, int]:
        """Numbers of pages and columns, as the list itself has them."""
        from django.contrib import admin
        from django.test import RequestFactory

        from core.models import Order, User

        request = RequestFactory().get("/admin/core/order/")
        request.user = User.objects.get(username="admin")
        model_admin = admin.site._registry[Order]
        cl = model_admin.get_changelist_instance(request)
        columns = {f"by_{name}": place for place, name in enumerate(cl.list_display)}
        last = cl.paginator.num_pages
        return {**columns, "last": last, "middle": max(1, last // 2)}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if "saving" in question:
            return self.saving(question["saving"])
        if "stock" in question:
            query = question["stock"].format(**self.words | self.stock_words)
            return {"ms": self.stock(query, question["rounds"])}
        address = "/admin/core/order/?" + question["page"].format(**self.words)
        pages: list[Any] = []
        seconds = timed(lambda: pages.append(self.get(address)))
        return {"ms": 1000 * seconds, "rows": len(pages[0].context_data["cl"].result_list)}

    def get(self, address: str) -> Any:
        answer = self.client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        return answer

    def stock(self, query: str, rounds: int) -> float:
        """The same columns of a ModelAdmin that knows no more than Django's documentation. A page
        that takes many seconds is asked for once."""
        from django.conf import settings
        from django.test import override_settings

        # simpleui's templates as they are, without ours in front of them.
        templates = copy.deepcopy(settings.TEMPLATES)
        templates[0]["DIRS"] = []
        templates[0]["OPTIONS"]["libraries"] = {}
        del templates[0]["OPTIONS"]["loaders"]
        templates[0]["APP_DIRS"] = True
        with override_settings(ROOT_URLCONF="tests.benchmarks.stock", TEMPLATES=templates):
            self.get("/stock/core/order/?id__exact=1")  # compiles the templates
            times: list[float] = []
            while len(times) < rounds and sum(times) < STOCK_SECONDS:
                times.append(timed(lambda: self.get("/stock/core/order/?" + query)))
            return 1000 * statistics.median(times)

    def saving(self, number: int) -> dict[str, float]:
        """Medians in milliseconds."""
        from booster.ownership import verification
        from core.models import Site
        from tests.benchmarks.stock import Buyer

        Site.objects.create(
            name="Benchmark", origin=self.site.url, token=self.site.token(), max_rate=1_000
        )
        buyer = Buyer(self.client, self.site.url)
        for name in ("proved_target", "read_video"):
            setattr(verification, name, buyer.timed(getattr(verification, name)))
        forms, asked = [], []
        for _ in range(number):
            seconds, asking = buyer.in_the_form()
            forms.append(seconds)
            asked.append(asking)
        return {
            "form": 1000 * statistics.median(forms),
            "site": 1000 * statistics.median(asked),
            "own": 1000 * statistics.median(a - b for a, b in zip(forms, asked, strict=True)),
        }


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="100,000 orders, three rounds")
    parser.add_argument("--kinds", default="sqlite,postgresql")
    parser.add_argument("--office", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.orders, options.rounds = 100_000, 3
    return options


if __name__ == "__main__":
    sys.exit(main())
