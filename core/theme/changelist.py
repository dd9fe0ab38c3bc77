"""Django's list of a model with names of ours for those of its steps that its documentation leaves
out."""

from contextlib import suppress
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import EmptyResultSet
from django.db import NotSupportedError
from django.db.models import QuerySet
from django.http import HttpRequest

# What a list raises where its address asks for filters that it does not have.
LookupRefusedError = IncorrectLookupParameters
# As which Django and the databases' drivers say that a query has no words.
UNSAYABLE = (
    *(IndexError, NotImplementedError, NotSupportedError, OverflowError, TypeError, ValueError),
)


class SteppedChangeList(ChangeList):
    """`queryset` are all rows that are meant, `result_list` those on the page."""

    def rows_to_page(self) -> QuerySet[Any]:
        """What the pages are made of, where that is less than all that is meant."""
        return self.queryset

    def columns_to_read(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """A page's rows with what is read of them."""
        return rows

    def get_filters(self, request: HttpRequest) -> Any:
        """Django's own fails on dates of the last year that there is, which no year follows."""
        try:
            found = super().get_filters(request)
        except (ValueError, OverflowError) as error:
            raise LookupRefusedError(error) from error
        self.asked_besides = found[2]
        return found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """What an address asks beside the filters that the list offers is said as SQL before it is
        asked: there Django finds out that a lookup cannot have this value."""
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
        """Nothing of a column that is not to be sorted by, also where an address asks for it."""
        if self.sortable_by is not None and field_name not in self.sortable_by:
            return None
        return super().get_ordering_field(field_name)
