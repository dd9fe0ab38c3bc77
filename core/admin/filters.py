"""Filters of a list that are typed, not chosen from a short list: days from and to, and one of
hundreds of thousands of customers. An index answers each of them."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.admin import ListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from core.db import clock
from core.db.keys import key_of
from core.models import Customer, Order, User
from core.theme.changelist import LookupRefusedError

TODAY, MONTH = "today", "month"


class TypedFilter(ListFilter):
    """Drawn by its own template in the search form; `parameters` are names of fields there."""

    parameters: ClassVar[tuple[str, ...]]

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.typed = {
            name: str(params.pop(name)[-1]).strip() for name in self.parameters if name in params
        }
        self.used_parameters = {name: value for name, value in self.typed.items() if value}

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def has_output(self) -> bool:
        return True


class DatesFilter(TypedFilter):
    """From one day to another, both included. `from` may also be "today" or "month" (the current
    one), so that a saved filter moves with the calendar."""

    title = gettext_lazy("created")
    template = "desk/filter_dates.html"
    parameters = ("from", "to")

    def choices(self, changelist: Any) -> Any:
        first, last = self.days()
        usual = ((TODAY, _("Today")), (MONTH, _("This month")))
        yield {
            "first": first.isoformat() if first else "",
            # It stays today's date until somebody types another day.
            "word": self.typed.get("from", "") if self.typed.get("from") in (TODAY, MONTH) else "",
            "last": last.isoformat() if last else "",
            "usual": [
                {
                    "label": label,
                    "selected": self.used_parameters == {"from": name},
                    "query": changelist.get_query_string({"from": name}, ["to", "p"]),
                }
                for name, label in usual
            ],
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self.days()
        if first:
            queryset = queryset.filter(create_date__gte=clock.midnight(first))
        if last:
            after = last + datetime.timedelta(days=1)
            queryset = queryset.filter(create_date__lt=clock.midnight(after))
        return queryset

    def days(self) -> tuple[datetime.date | None, datetime.date | None]:
        """Raises LookupRefusedError if a value is no day."""
        return self.day("from"), self.day("to")

    def day(self, name: str) -> datetime.date | None:
        value = str(self.used_parameters.get(name, ""))
        if not value:
            return None
        today = timezone.localdate()
        if value in (TODAY, MONTH):
            return today if value == TODAY else today.replace(day=1)
        try:
            return clock.possible(datetime.date.fromisoformat(value))
        except ValueError as error:
            raise LookupRefusedError(error) from error


class PickedFilter(TypedFilter):
    """One row of another table, found by a part of its name: theme/picker.js asks `found_at()`."""

    template = "desk/filter_picked.html"
    field: ClassVar[str]

    def choices(self, changelist: Any) -> Any:
        value = self.used_parameters.get(self.parameters[0], "")
        key = self.key()
        picked = None if key is None else self.picked(key)
        yield {
            "parameter": self.parameters[0],
            "value": value,
            "name": "" if picked is None else str(picked),
            "found_at": self.found_at(),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        key = self.key()
        return queryset if key is None else queryset.filter(**{f"{self.field}_id": key})

    def key(self) -> int | None:
        """Raises LookupRefusedError if the value is no key."""
        value = str(self.used_parameters.get(self.parameters[0], ""))
        if not value:
            return None
        if (key := key_of(value)) is None:
            raise LookupRefusedError(value[:30])
        return key

    def picked(self, key: int) -> Any:
        raise NotImplementedError

    def found_at(self) -> str:
        raise NotImplementedError


class CustomerFilter(PickedFilter):
    title = gettext_lazy("customer")
    parameters = ("customer__id__exact",)
    field = "customer"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.model = model
        customers = model_admin.admin_site.get_model_admin(Customer)
        self.is_offered = customers.has_view_permission(request)

    def has_output(self) -> bool:
        return self.is_offered or bool(self.used_parameters)

    def picked(self, key: int) -> Customer | None:
        found = Customer.objects.filter(pk=key).only("username")
        if not self.is_offered:  # a user who may not see customers gets only those in the list
            found = found.filter(Exists(self.model.objects.filter(customer=OuterRef("pk"))))
        return found.first()

    def found_at(self) -> str:
        if not self.is_offered:
            return ""
        asked = f"app_label=core&model_name={self.model._meta.model_name}&field_name=customer"
        return f"{reverse('admin:autocomplete')}?{asked}"


class CreatorFilter(PickedFilter):
    """The staff member who placed it. The creator of a portal's order is its customer's login,
    which the customer's filter finds. It tells only names of staff and of people who placed orders.
    """

    title = gettext_lazy("creator")
    parameters = ("creator__id__exact",)
    field = "creator"

    def picked(self, key: int) -> User | None:
        placed = Exists(Order.objects.filter(creator=OuterRef("pk")))
        return User.objects.filter(Q(is_staff=True) | placed, pk=key).only("username").first()

    def found_at(self) -> str:
        return reverse("admin:core_order_creators")


def creators_found(user: User, term: str) -> list[Mapping[str, Any]]:
    """Staff whose names begin with the term, the asking user first."""
    known = User.objects.filter(is_staff=True).exclude(pk=user.pk).order_by("username")
    rows = known.values_list("pk", "username")
    if term:
        rows = rows.filter(username__istartswith=term)
    mine = [(user.pk, user.username)] if user.username.lower().startswith(term.lower()) else []
    return [{"id": str(pk), "text": name} for pk, name in [*mine, *rows[:20]]]
