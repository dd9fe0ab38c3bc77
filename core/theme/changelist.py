"""Django's list of a model, with our names for its undocumented steps."""

from contextlib import suppress
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import EmptyResultSet
from django.db import NotSupportedError
from django.db.models import QuerySet
from django.http import HttpRequest

# A list raises this if its address asks for filters that it does not have.
LookupRefusedError = IncorrectLookupParameters
# The errors of Django and the databases' drivers for a query that SQL cannot say.
UNSAYABLE = (
    *(IndexError, NotImplementedError, NotSupportedError, OverflowError, TypeError, ValueError),
)


class SteppedChangeList(ChangeList):
    """`queryset`: all rows that match; `result_list`: those on the page."""

    def rows_to_page(self) -> QuerySet[Any]:
        """The rows to page through, if they are fewer than all that match."""
        return self.queryset

    def columns_to_read(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of a page, with the columns to read."""
        return rows

    def get_filters(self, request: HttpRequest) -> Any:
        """Django's own fails on dates of the last possible year, as no year follows it."""
        try:
            found = super().get_filters(request)
        except (ValueError, OverflowError) as error:
            raise LookupRefusedError(error) from error
        self.asked_besides = found[2]
        return found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """If an address filters by more than the list offers, the query is compiled before it runs:
        then Django finds out that a lookup cannot have this value."""
        found = super().get_queryset(request, exclude_parameters)
        if self.asked_besides:
            try:
                with suppress(EmptyResultSet):
                    str(found.query)
            except UNSAYABLE as error:
                raise LookupRefusedError(error) from error
        return found

    def get_results(self, request: HttpRequest) -> None:
        everything = self.queryset
        self.queryset = self.rows_to_page()
        super().get_results(request)
        self.queryset = everything
        self.result_list: Any = self.columns_to_read(self.result_list)

    def get_ordering_field(self, field_name: Any) -> Any:
        """None for a column that is not sortable, even if an address asks for it."""
        if self.sortable_by is not None and field_name not in self.sortable_by:
            return None
        return super().get_ordering_field(field_name)
