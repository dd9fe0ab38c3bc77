"""Addresses of the admin, with or without the filters of a list."""

from functools import cache
from typing import Any

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.urls import reverse


@cache
def address_of(page: str) -> str:
    """Of a page that is the same for everybody, such as "admin:home". Every page draws the menu,
    and finding its twenty addresses each time took a millisecond."""
    return reverse(page)


def with_filters(url: str, opts: Any, filters: str) -> str:
    """`filters`: the admin's `preserved_filters`, a query with the list's own in it."""
    return str(add_preserved_filters({"opts": opts, "preserved_filters": filters}, url))
