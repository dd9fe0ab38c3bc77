"""Lists that are read by indexes alone, whatever is filtered, sorted or searched, and drawn as
Django draws them."""

import re
import shutil

import pytest
from django.contrib.admin.templatetags.admin_list import results
from django.db import connection
from django.utils import translation

from core.admin import dates, paging, search
from core.admin.listing import DeskChangeList
from core.db.patience import TooSlowError, at_most
from core.models import Customer, LedgerEntry, Order, Site, Status, User
from core.ops.auditing import differences
from core.theme import result_list
from tests.base import client_of
from tests.demodata.office import make_up
from tests.office import KINDS, Office, working_in
from tests.plans import Asked, listening, scans

ORDERS = 3_000
MONTH = "create_date__year={year}&create_date__month={month}"
ASKED = {
    "order": (
        *("", "p=2", "p={last}", "status__exact=3", "status__exact=9", "attention=1"),
        *("site__id__exact={site}", "site__id__exact={site}&status__exact=4"),
        *("site__id__exact={site}&status__exact=3", "create_date__year={year}", MONTH),
        *(MONTH + "&status__exact=4", MONTH + "&site__id__exact={site}&status__exact=3"),
        *("o={by_state}", "o=-{by_state}", "o={by_shown_price}", "o=-{by_create_date}"),
        *("o=-{by_shown_price}&status__exact=3", "o={by_shown_price}&site__id__exact={site}"),
        *("customer__id__exact={customer}", "customer__id__exact={customer}&status__exact=3"),
        *("q={oid}", "q=ann", "q=harbour", "q=garden&status__exact=3", "q=nobody", "q=x"),
        *("q=ann&status__exact=3", "q=ann&" + MONTH, "q=nobody&site__id__exact={site}"),
        *("from={day}", "from={day}&to={day}", "from=month&status__exact=3", "to={day}"),
        *("from={day}&customer__id__exact={customer}", "from={day}&site__id__exact={site}"),
        *("creator__id__exact=1", "creator__id__exact=1&from={day}&status__exact=3"),
        *("q={last_digits}", "q={last_digits}&status__exact=3", "q=nn-ab", "q=abel+ann"),
    ),
    "customer": (
        *("", "p={last}", "active__exact=0", "create_date__year={year}"),
        *("o={by_username}", "o=-{by_mobile}", "q=ann", "q=13", "q=ann&active__exact=0"),
        *("o={by_shown_balance}", "o=-{by_shown_balance}", "q=nn-ab", "q=li"),
    ),
    "ledgerentry": (
        *("", "p={last}", "kind__exact=1", "kind__exact=4", MONTH, MONTH + "&kind__exact=3"),
        *(
            "o={by_kind}",
            "o=-{by_create_date}",
            "q={oid}",
            "q=ann",
            "customer__id__exact={customer}",
        ),
    ),
    "chargerecord": (
        *("", "p={last}", "o={by_id}", "o=-{by_create_date}", MONTH, "q=ann", "q=nobody"),
        *("customer__id__exact={customer}", "q=ann&" + MONTH, "o={by_shown_amount}"),
    ),
    "orderevent": ("", "p={last}", "q={oid}", "q=nobody"),
    "counterreading": ("", "q={oid}"),
    "conversation": ("", "answered=any", "q={oid}", "q=ann", "q=ann&answered=any"),
    "sitecheck": (
        *("", "outcome__exact=1", "site__id__exact={site}", "o=-{by_create_date}", MONTH),
        "outcome__exact=2&site__id__exact={site}",
    ),
}


@pytest.fixture(scope="module", params=KINDS)
def large(request, django_db_blocker, tmp_path_factory):
    """An office on each kind of database in which 3,000 orders count as very many; a client of
    its super administrator."""
    data_dir = tmp_path_factory.mktemp("large")
    env = {}
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        shutil.copy(template, data_dir / template.name)
    else:
        template = request.getfixturevalue("postgres_template")
        postgres = request.getfixturevalue("postgres")
        env["DATABASE_URL"] = postgres.create_database("large", template=template)
    office = Office(request.param, data_dir, **env)
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), working_in(office):
        make_up(ORDERS, customers=1_500)
        for module, name, value in (
            (paging, "CAP", 500),
            (search, "HITS", 50),
            (search, "NAMESAKES", 5),
            (dates, "FEW", 100),
            (paging, "SORTED", 2_000),
        ):
            patch.setattr(module, name, value)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # A table of this size is read as a whole for speed; here it is asked whether it
                # has to be.
                cursor.execute("SET enable_seqscan = off")
        yield client_of(User.objects.get(username="admin"))


def list_of(client, model: str, query: str) -> tuple[DeskChangeList, list[Asked]]:
    """The list behind a page and the statements that the page sent."""
    with listening() as asked:
        page = client.get(f"/admin/core/{model}/?{query}")
    assert page.status_code == 200, (query, page.headers.get("Location"))
    return page.context["cl"], asked


def assert_by_indexes(asked: list[Asked], where: str) -> None:
    for one in asked:
        # Counting ends at CAP, whatever it goes through. SQLite has no index of parts of addresses:
        # for those it reads all of them, 200,000 in 0.05 s; nor of parts of names.
        parts = any(f'"{column}" LIKE' in one.sql for column in ("url", "username"))
        read_whole = parts and connection.vendor == "sqlite"
        ends_early = "LIMIT 501" in one.sql or (
            "WHERE" not in one.sql and one.sql.endswith("LIMIT 1")
        )
        if one.is_of_a_large_table and not ends_early and not read_whole:
            plan = one.plan()
            assert not scans(plan), (where, one.sql, plan)


def filled(client, model: str, query: str) -> str:
    order = Order.objects.order_by("id")[ORDERS // 2]
    plain, _queries = list_of(client, model, "")
    places = {f"by_{name}": place for place, name in enumerate(plain.list_display)}
    return query.format(
        last=plain.paginator.num_pages,
        year=order.create_date.year,
        month=order.create_date.month,
        site=order.site_id,
        customer=order.customer_id,
        buyer=Order.objects.order_by("customer_id")[0].customer_id,
        oid=order.oid,
        last_digits=order.oid[-5:],
        day=order.create_date.date().isoformat(),
        **places,
    )


@pytest.mark.parametrize("model", ASKED)
def test_no_page_of_a_list_reads_a_table_from_end_to_end(large, model):
    most = 0
    for asked in ASKED[model]:
        query = filled(large, model, asked)
        _list, queries = list_of(large, model, query)
        most = max(most, len(queries))
        assert_by_indexes(queries, query)
    assert most <= 20


def test_a_page_is_sorted_by_an_index_where_rows_are_many(large):
    asked_for = ["", "status__exact=3", "o={by_shown_price}", "customer__id__exact={buyer}"]
    if connection.vendor == "postgresql":
        # SQLite begins with the status, and sorts 200,000 rows in 0.1 s.
        asked_for.append("o=-{by_shown_price}&status__exact=3")
    for asked in asked_for:
        found, queries = list_of(large, "order", filled(large, "order", asked))
        assert found.result_count >= paging.CAP or "customer" in asked
        plan = page_of(queries).plan()
        assert "B-TREE" not in plan
        assert "Sort" not in plan


def test_customers_are_sorted_by_balance_and_top_ups_by_amount_by_an_index(large):
    for model, column in (("customer", "shown_balance"), ("chargerecord", "shown_amount")):
        for sign in ("", "-"):
            query = filled(large, model, f"o={sign}{{by_{column}}}")
            plan = page_of(list_of(large, model, query)[1]).plan()
            assert "B-TREE" not in plan
            assert "Sort" not in plan


def page_of(asked: list[Asked]) -> Asked:
    """The subquery that finds the numbers of a page's rows."""
    whole = next(one for one in asked if "IN (SELECT" in one.sql)
    inner = re.search(r"IN \((SELECT .* LIMIT \d+)\)", whole.sql)
    first = whole.sql[: inner.start()].count("%s")
    return Asked(inner[1], whole.parameters[first : first + inner[1].count("%s")])


def test_memos_stay_where_they_are(large):
    _list, queries = list_of(large, "order", "")
    page = next(one.sql for one in queries if "INNER JOIN" in one.sql)
    assert "memo" not in page
    assert "password" not in page


def test_a_page_of_filtered_rows_is_the_one_that_django_would_show(large):
    site = Site.objects.order_by("id")[0]
    found, _queries = list_of(large, "order", f"site__id__exact={site.pk}&status__exact=3&p=2")
    rows = Order.objects.filter(site=site, status=Status.COMPLETED)
    expected = rows.order_by("-create_date", "-id")[100:200]
    assert list(found.result_list) == list(expected)
    dearest, _queries = list_of(large, "order", filled(large, "order", "o=-{by_shown_price}"))
    expected = Order.objects.order_by("-price", "-create_date", "-id")[:100]
    assert list(dearest.result_list) == list(expected)


def test_a_column_that_no_index_sorts_is_not_sorted_by_either(large):
    found, _queries = list_of(large, "order", filled(large, "order", "o={by_plays}"))
    assert list(found.result_list) == list(Order.objects.order_by("-create_date", "-id")[:100])


def test_pages_of_one_object_read_no_table_from_end_to_end(large):
    """A customer has as many orders as the office, and the log as many rows."""
    order = Order.objects.order_by("-id")[0]
    for page in (
        "home/",
        "board/",
        f"core/order/{order.pk}/change/",
        f"core/order/{order.pk}/history/",
        f"core/customer/{order.customer_id}/change/",
        f"core/customer/{order.customer_id}/history/",
    ):
        with listening() as asked:
            assert large.get(f"/admin/{page}").status_code == 200
        assert_by_indexes(asked, page)


def test_open_orders_are_found_among_the_open_ones_alone(large):
    """On SQLite a partial index is used where its condition is repeated word for word."""
    order = Order.objects.order_by("-id")[0]
    for filters, index in (
        ({"site": order.site, "video_id": order.video_id}, "order_one_a_video"),
        ({"customer": order.customer}, "order_open_customer"),
    ):
        with listening() as asked:
            Order.objects.open().filter(**filters).exists()
        assert index in asked[0].plan()


def test_postgresql_gives_up_on_a_statement_that_takes_too_long(large):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is never asked so much")
    with pytest.raises(TooSlowError), at_most(0.05), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(30)")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


# Search


def ids(found: DeskChangeList) -> list[int]:
    return [row.pk for row in found.result_list]


def test_an_order_is_found_by_its_number_its_customer_or_a_part_of_its_address(large):
    order = Order.objects.select_related("customer").order_by("-id")[7]
    mine = Order.objects.filter(customer=order.customer)
    assert ids(list_of(large, "order", f"q={order.oid}")[0]) == [order.pk]
    for name in (order.customer.username, order.customer.username.upper()):
        assert set(ids(list_of(large, "order", f"q={name}")[0])) >= {one.pk for one in mine}
    for part in (order.url, order.video_id, order.video_id[3:].upper()):
        assert order.pk in ids(list_of(large, "order", f"q={part}")[0]), part
    assert ids(list_of(large, "order", "q=%25")[0]) == []
    assert ids(list_of(large, "order", 'q="')[0]) == []


def test_an_order_is_found_by_the_last_digits_of_its_number(large):
    order = Order.objects.order_by("-id")[7]
    for digits in (order.oid[-4:], order.oid[-7:]):
        found = ids(list_of(large, "order", f"q={digits}")[0])
        assert order.pk in found
        assert set(found) == {
            one.pk for one in Order.objects.filter(oid__endswith=digits).only("pk")
        }
    assert order.pk not in ids(list_of(large, "order", f"q={order.oid[-3:]}")[0])


def test_an_order_is_found_by_words_anywhere_in_its_customers_name(large):
    lin = Customer.objects.create(username="Ms Lin Huang-Ito")
    order = Order.objects.order_by("-id")[3]
    Order.objects.filter(pk=order.pk).update(customer=lin)
    for words in ("huang-ito", "HUANG lin", "lin ms", "uang"):
        assert order.pk in ids(list_of(large, "order", f"q={words}")[0]), words
        assert lin.pk in ids(list_of(large, "customer", f"q={words}")[0]), words
    assert order.pk not in ids(list_of(large, "order", "q=huang-ito+ben")[0])
    url = "/admin/autocomplete/?app_label=core&model_name=order&field_name=customer&term=ang-ito"
    assert [one["id"] for one in large.get(url).json()["results"]] == [str(lin.pk)]


def test_a_search_under_a_filter_looks_at_the_rows_that_pass_it(large):
    failed = Order.objects.filter(status=Status.FAILED).order_by("id")[0]
    found, _queries = list_of(large, "order", f"q={failed.url[-12:]}&status__exact=4")
    assert failed.pk in ids(found)
    found, _queries = list_of(large, "order", f"q={failed.url[-12:]}&status__exact=5")
    assert failed.pk not in ids(found)


def test_a_page_shows_the_newest_hits_and_an_export_takes_all(large):
    found, _queries = list_of(large, "order", "q=harbour")
    every = Order.objects.filter(url__icontains="harbour")
    assert found.search_is_capped
    assert ids(found) == list(every.order_by("-id").values_list("pk", flat=True)[: search.HITS])
    assert "These are the newest" in large.get("/admin/core/order/?q=example").content.decode()
    assert set(found.queryset.values_list("pk", flat=True)) == set(
        every.values_list("pk", flat=True)
    )


def test_a_search_that_left_some_out_says_so(large, monkeypatch):
    """Of more customers with such a name than these, the others' orders are not looked for."""
    monkeypatch.setattr(search, "HITS", ORDERS)
    anns = Order.objects.filter(status=Status.COMPLETED, customer__username__startswith="ann")
    found, _queries = list_of(large, "order", "q=ann&status__exact=3")
    assert found.result_count < anns.count()
    assert found.search_is_capped
    assert "more than" in found.found_text
    monkeypatch.setattr(search, "NAMESAKES", 1_500)
    found, _queries = list_of(large, "order", "q=ann&status__exact=3")
    assert (found.result_count, found.search_is_capped) == (anns.count(), False)


def test_a_ledger_entry_is_found_by_order_reference_or_customer(large):
    entry = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND).order_by("-id")[0]
    assert ids(list_of(large, "ledgerentry", f"q={entry.reference}")[0]) == [entry.pk]
    of_order = LedgerEntry.objects.filter(order=entry.order).values_list("pk", flat=True)
    assert set(ids(list_of(large, "ledgerentry", f"q={entry.order.oid}")[0])) == set(of_order)
    name = entry.customer.username
    assert entry.pk in ids(list_of(large, "ledgerentry", f"q={name}")[0])


def test_the_order_forms_customers_come_from_an_index_the_shortest_name_first(large):
    Customer.objects.create(username="ann")
    url = "/admin/autocomplete/?app_label=core&model_name=order&field_name=customer&term=ann"
    with listening() as asked:
        found = large.get(url).json()
    assert found["results"][0]["text"].startswith("ann ")
    assert len(found["results"]) == 20
    assert_by_indexes(asked, url)


# Dates


def test_the_dates_above_a_list_lead_down_to_the_days(large):
    newest = Order.objects.order_by("-create_date")[0].create_date
    page = large.get("/admin/core/order/").content.decode()
    assert f'?create_date__year={newest.year}">{newest.year}</a>' in page
    year = f"?create_date__year={newest.year}"
    page = large.get(f"/admin/core/order/{year}").content.decode()
    assert f"create_date__month={newest.month}" in page
    day = f"{year}&create_date__month={newest.month}&create_date__day={newest.day}"
    page = large.get(f"/admin/core/order/{day}").content.decode()
    assert "date-back" in page
    assert large.get("/admin/core/order/?create_date__year=x").status_code == 302
    assert large.get("/admin/core/order/?create_date__month=5").status_code in (200, 302)


# Drawing


def unlabelled(cell: str) -> str:
    """Without its column's name and its being the row's, which Django does not say."""
    return re.sub(r' data-label="[^"]*"', "", cell, count=1).replace('<th scope="row"', "<th", 1)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_rows_are_drawn_as_django_draws_them(large, language):
    large.cookies["django_language"] = language
    Customer.objects.filter(pk=3).update(mobile="", creator_id=1)
    for model, query in (
        ("order", ""),
        ("order", "status__exact=3&p=2"),
        ("customer", "p=15"),
        ("customer", "_popup=1"),
        ("ledgerentry", ""),
        ("chargerecord", ""),
        ("orderevent", ""),
        ("site", "_popup=1"),
        ("user", ""),
        ("administrator", ""),
        ("pricepolicy", ""),
    ):
        found = list_of(large, model, query)[0]
        assert found.result_list
        with translation.override(language):
            theirs = [[str(cell) for cell in row] for row in results(found)]
            cells = result_list.cells_of(found)
            ours = [[unlabelled(cell(row)) for cell in cells] for row in found.result_list]
        assert ours == theirs
    del large.cookies["django_language"]


# The large office itself


def test_a_made_up_office_has_a_consistent_ledger(office):
    make_up(1_000, customers=70, ledger=2_400)
    assert list(differences()) == []
    assert (Order.objects.count(), Customer.objects.count()) == (1_000, 70)
    assert LedgerEntry.objects.count() == 2_400
    make_up(100)
    assert list(differences()) == []
    # The keys are back in their place: the next order gets an id of its own.
    erin = Customer.objects.create(username="erin")
    assert erin.pk == Customer.objects.order_by("-pk")[0].pk


def test_orders_are_not_made_up_beside_real_ones_unless_forced(office):
    make_up(10)
    command = ("-m", "tests.demodata", "--orders", "20")
    refused = office.run(*command)
    assert (refused.returncode, Order.objects.count()) == (1, 10)
    assert "holds orders" in refused.stderr
    assert office.run(*command, "--force").returncode == 0
    assert Order.objects.count() == 30
