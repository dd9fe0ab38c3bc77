"""Addresses of the admin that lead back to a list as it was filtered."""

from typing import Any

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters


def with_filters(url: str, opts: Any, filters: str) -> str:
    """`filters` is what the admin calls `preserved_filters`: a query with the list's own in it."""
    return str(add_preserved_filters({"opts": opts, "preserved_filters": filters}, url))
