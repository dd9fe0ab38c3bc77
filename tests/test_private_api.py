"""What of other packages is relied on though their documentation does not promise it: each name
with who relies on it and why, and nothing of the kind anywhere else.

After an upgrade that breaks a line here, its file is to be read again.
"""

import ast
import inspect
import os
import pkgutil
import sqlite3
import threading

import pytest
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import RequestFactory

from core.models import Order
from core.theme.changelist import LookupRefusedError
from tests.private_api import ROOMS, Use, private_names, uses

ADMIN = "django.contrib.admin"
POSTGRESQL = "django.db.backends.postgresql"
# Name, its parameters (None: it is no function), who relies on it, for what.
RELIED_ON = (
    (
        *(f"{ADMIN}.options.IncorrectLookupParameters", None),
        *("core/theme/changelist.py", "filters that a list does not have are answered 400"),
    ),
    (
        *(f"{ADMIN}.views.main.ChangeList.get_results", "self request"),
        *("core/theme/changelist.py", "a page of the newest hits, and of few columns"),
    ),
    (
        *(f"{ADMIN}.views.main.ChangeList.get_ordering_field", "self field_name"),
        *("core/theme/changelist.py", "nothing is sorted that no index sorts"),
    ),
    (
        f"{ADMIN}.options.ModelAdmin.render_change_form",
        "self request context add change form_url obj",
        *("core/theme/model_admin.py", "what an object's page shows beside its form"),
    ),
    (
        *(f"{ADMIN}.options.ModelAdmin.get_preserved_filters", "self request"),
        *("core/theme/model_admin.py", "Back leads to the list as it was filtered"),
    ),
    (
        *(f"{ADMIN}.options.ModelAdmin.response_post_save_add", "self request obj"),
        *("core/theme/model_admin.py", "Save leads to what was made"),
    ),
    (
        f"{ADMIN}.widgets.RelatedFieldWidgetWrapper",
        "widget rel admin_site can_add_related can_change_related can_delete_related "
        "can_view_related",
        *("core/theme/model_admin.py", "one link beside a picker, and not three, for Tab to pass"),
    ),
    *(
        (*(name, parameters), *("core/theme/add_page.py", "the page for a new row as Django's"))
        for name, parameters in (
            (
                f"{ADMIN}.helpers.AdminForm",
                "form fieldsets prepopulated_fields readonly_fields model_admin",
            ),
            (f"{ADMIN}.helpers.AdminErrorList", "form inline_formsets"),
            (f"{ADMIN}.options.IS_POPUP_VAR", None),
            (f"{ADMIN}.options.TO_FIELD_VAR", None),
            (f"{ADMIN}.options.ModelAdmin.to_field_allowed", "self request to_field"),
            (f"{ADMIN}.options.ModelAdmin.get_preserved_filters", "self request"),
        )
    ),
    (
        *("django.forms.MediaDefiningClass", "name bases attrs"),
        *("core/theme/model_admin.py", "admin classes with abstract methods"),
    ),
    (
        *(f"{ADMIN}.templatetags.admin_urls.add_preserved_filters", "context url popup to_field"),
        *("core/theme/links.py", "Back leads to the list as it was filtered"),
    ),
    (
        *(f"{ADMIN}.templatetags.admin_list.result_headers", "cl"),
        *("core/theme/result_list.py", "titles of a list's columns"),
    ),
    (
        *(f"{ADMIN}.utils.display_for_value", "value empty_value_display boolean"),
        *("core/theme/result_list.py", "cells as Django writes them"),
    ),
    (
        *(f"{ADMIN}.utils.quote", "s"),
        *("core/theme/result_list.py", "keys in addresses as Django writes them"),
    ),
    (
        *(f"{ADMIN}.utils.label_for_field", "name model model_admin return_attr form"),
        *("core/theme/result_list.py", "what a column is called, on cards and where it is chosen"),
    ),
    (
        *(f"{ADMIN}.widgets.AutocompleteSelect", "field admin_site attrs choices using"),
        *("core/theme/autocomplete.py", "a customer's field in a form of ours"),
    ),
    (
        *(f"{ADMIN}.views.autocomplete.AutocompleteJsonView", "kwargs"),
        *("core/theme/autocomplete.py", "a customer is offered with the balance"),
    ),
    (
        f"{ADMIN}.views.autocomplete.AutocompleteJsonView.serialize_result",
        *("self obj to_field_name", "core/theme/autocomplete.py", "what is said of each"),
    ),
    (
        *(f"{ADMIN}.sites.AdminSite.autocomplete_view", "self request"),
        *("core/theme/autocomplete.py", "ours in place of Django's"),
    ),
    (
        *("django.db.models.sql.Query.clear_where", "self"),
        *("core/db/querysets.py", "rows by their ids, and by nothing else"),
    ),
    (
        *("django.db.models.sql.Query.get_compiler", "self using connection elide_empty"),
        *("core/db/streams.py", "the statement that COPY sends"),
    ),
    (
        *(f"{POSTGRESQL}.base.DatabaseWrapper._configure_connection", "self connection"),
        *("core/db/postgresql/base.py", "what each new connection is told, of pools too"),
    ),
)
# Attributes that only an object has; each has a test below.
OF_OBJECTS = {
    *(("core/db/sessions.py", name) for name in ("HASH_SESSION_KEY", "SESSION_KEY")),
    *(("core/db/querysets.py", name) for name in ("order_by", "where")),
    ("core/db/tables.py", "local_concrete_fields"),
}
# There may be fewer.
MOST = 30


@pytest.mark.parametrize(("name", "parameters", "file", "purpose"), RELIED_ON)
def test_what_is_relied_on_is_as_it_was(name, parameters, file, purpose):
    found = pkgutil.resolve_name(name)
    if parameters is not None:
        assert " ".join(inspect.signature(found).parameters) == parameters, f"{file}: {purpose}"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from django.contrib.admin.utils import quote", "django.contrib.admin.utils.quote"),
        ("from django.db.models import sql", "django.db.models.sql"),
        ("import huey.consumer", "huey.consumer"),
        ("rows.query.where", "query.where"),
        ("rows._prefetch_done", "_prefetch_done"),
        ("self._result_cache", "_result_cache"),
        ("class Rows(QuerySet):\n    def _clone(self): pass", "_clone"),
        ("setattr(rows, '_result_cache', [])", "_result_cache"),
    ],
)
def test_a_use_of_private_api_is_seen(source, name):
    inherited = {"_clone", "_result_cache"}
    assert list(private_names(ast.parse(source), {"_clone", "_own"}, inherited)) == [name]
    assert not list(private_names(ast.parse("self._own, row._meta.label"), {"_own"}, inherited))


def test_looking_through_the_code_starts_nothing():
    uses()
    assert "reporter" not in {thread.name for thread in threading.enumerate()}
    assert "DATABASE_POOL" not in os.environ


def test_private_api_is_used_in_its_rooms_alone():
    assert [use for use in uses() if not use.file.startswith(ROOMS)] == []


def test_whatever_the_rooms_use_is_listed_with_who_relies_on_it():
    listed = {
        (file, name.rpartition(".")[2]) for name, _parameters, file, _purpose in RELIED_ON
    } | OF_OBJECTS
    used = {(use.file, last(use)) for use in uses() if use.file.startswith(ROOMS)}
    assert used - listed == set()


def test_there_are_few_uses_of_private_api():
    assert len(uses()) <= MOST


def last(use: Use) -> str:
    return use.name.rpartition(".")[2]


def test_a_queryset_knows_its_filters_and_its_order():
    """For core/db/querysets.py."""
    rows = Order.objects.order_by("-price", "id")
    assert not rows.query.where
    assert rows.filter(pk=1).query.where
    assert rows.query.order_by == ("-price", "id")


def test_models_know_their_own_columns():
    """For core/db/tables.py."""
    assert Order._meta.concrete_fields == Order._meta.local_concrete_fields
    assert {field.name for field in Order._meta.local_concrete_fields} >= {"id", "customer"}


@pytest.mark.django_db
def test_a_cursor_leads_to_the_drivers_connection_on_sqlite():
    """For core/db/text.py, which lends SQLite a function."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            assert isinstance(cursor.connection, sqlite3.Connection)


@pytest.mark.django_db
def test_a_list_has_what_its_rows_are_drawn_from(admin_client):
    """For core/theme/result_list.py and core/admin/dates.py."""
    cl = admin_client.get("/admin/core/order/").context["cl"]
    assert isinstance(cl, ChangeList)
    for name in (
        *("date_hierarchy", "is_popup", "list_display", "list_display_links", "lookup_opts"),
        *("model", "model_admin", "multi_page", "opts", "params", "paginator", "pk_attname"),
        *("preserved_filters", "query", "result_count", "result_list", "to_field"),
    ):
        assert hasattr(cl, name), name
    assert cl.get_query_string({"p": 2}, ["q"]) == "?p=2"
    assert cl.url_for_result(Order(pk=7)).endswith("/core/order/7/change/")


@pytest.mark.django_db
def test_a_list_refuses_filters_that_it_does_not_have_by_an_error_of_its_own(admin_client, rf):
    """For office/unavailable.py, by core/theme/changelist.py."""
    request = rf.get("/admin/core/order/", {"no_such_field": "1"})
    request.user = get_user_model().objects.get()
    with pytest.raises(LookupRefusedError):
        admin.site.get_model_admin(Order).get_changelist_instance(request)


def test_the_names_of_the_admins_forms_fields_and_addresses_are_djangos():
    """Written out in templates, core/theme/result_list.py and core/admin/actions.py."""
    from django.contrib.admin import helpers, options
    from django.contrib.admin.views import main

    from core.admin.actions import POPUP
    from core.theme.result_list import SELECTED

    assert (SELECTED, POPUP) == (helpers.ACTION_CHECKBOX_NAME, options.IS_POPUP_VAR)
    assert (main.PAGE_VAR, main.SEARCH_VAR, main.ORDER_VAR) == ("p", "q", "o")


def test_the_admins_autocompletion_has_a_name_that_its_search_is_known_by():
    """For core/admin/search.py."""
    from django.urls import resolve

    match = resolve("/admin/autocomplete/")
    assert (match.url_name, RequestFactory().get("/").resolver_match) == ("autocomplete", None)
