"""Addresses of the admin, those that lead back to a list as it was filtered among them."""

from functools import cache
from typing import Any

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.urls import reverse


@cache
def address_of(page: str) -> str:
    """Of a page that is the same for everybody, such as "admin:home": every page draws the menu,
    and to find twenty addresses anew took a millisecond."""
    return reverse(page)


def with_filters(url: str, opts: Any, filters: str) -> str:
    """`filters` is what the admin calls `preserved_filters`: a query with the list's own in it."""
    return str(add_preserved_filters({"opts": opts, "preserved_filters": filters}, url))
