"""Search that is answered by indexes, with 5,000,000 rows as with 5,000.

Django's own takes a word apart and looks for it anywhere in any of the fields, which reads every
row. Here a list names its `finders`, each of which leads from what was typed to rows by an index:
what names a row exactly comes first, and only where nothing does the others are asked.
"""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Protocol

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from core.db import lookups

# A page shows the newest hits; whoever has more than these has to say more.
HITS = 1_000
# A shorter part of an address is no three-letter piece of an index, and says nothing.
LEAST_OF_ADDRESS = 3
# Customers whose names begin alike, whose rows are looked for.
NAMESAKES = 50
# Of each index, to a person who has typed the beginning of a name.
OFFERED = 200


class Finder(Protocol):
    exact: ClassVar[bool]

    def rows(self, model: Any, term: str, capped: bool) -> Q | None:
        """A condition that an index answers; None where the term cannot lead to rows. `capped`:
        it may leave some out where there are very many."""

    def is_capped(self, model: Any, term: str) -> bool:
        """Whether `rows(…, capped=True)` leaves some out."""

    def plain(self, term: str) -> Q:
        """The same condition for a few rows that are at hand."""


@dataclass(frozen=True)
class Exact:
    """The very value of a unique field, also of another table's row."""

    field: str
    exact: ClassVar[bool] = True

    def rows(self, model: Any, term: str, capped: bool) -> Q:
        return self.plain(term)

    def is_capped(self, model: Any, term: str) -> bool:
        return False

    def plain(self, term: str) -> Q:
        return Q(**{self.field: term})


@dataclass(frozen=True)
class Beginning:
    """How a field begins, as typed or in another of the usual cases: an index of names tells
    capitals from small letters."""

    field: str
    exact: ClassVar[bool] = False

    def rows(self, model: Any, term: str, capped: bool) -> Q:
        relation = self.field.rpartition("__")[0]
        if not relation:
            return self.plain(term)
        matching = self._namesakes(model, term)
        if not capped:
            return Q(**{f"{relation}__in": matching})
        # Their numbers, so that the database knows how few they are.
        some = matching.values_list("pk", flat=True)[:NAMESAKES]
        return Q(**{f"{relation}__in": list(some)})

    def is_capped(self, model: Any, term: str) -> bool:
        if "__" not in self.field:
            return False
        return self._namesakes(model, term)[: NAMESAKES + 1].count() > NAMESAKES

    def _namesakes(self, model: Any, term: str) -> QuerySet[Any]:
        """Rows of the other table that are meant."""
        relation, _, name = self.field.rpartition("__")
        others = model._meta.get_field(relation).related_model.objects.order_by()
        found: QuerySet[Any] = others.filter(Beginning(name).plain(term)).values("pk")
        return found

    def plain(self, term: str) -> Q:
        return reduce(or_, self.cases(term))

    def cases(self, term: str) -> list[Q]:
        cases = dict.fromkeys((term, term.lower(), term.upper(), term.capitalize()))
        return [lookups.starts_with(self.field, case) for case in cases]


@dataclass(frozen=True)
class PartOfAddress:
    exact: ClassVar[bool] = False

    def rows(self, model: Any, term: str, capped: bool) -> Q | None:
        return lookups.contains("url", term) if len(term) >= LEAST_OF_ADDRESS else None

    def is_capped(self, model: Any, term: str) -> bool:
        return False

    def plain(self, term: str) -> Q:
        return Q(url__icontains=term)


class IndexedSearch:
    """For an admin class. `search_fields` then only says that there is a search box."""

    finders: ClassVar[tuple[Finder, ...]] = ()
    # A field that completes what is typed offers the first names in this order.
    autocomplete_ordering: ClassVar[tuple[str, ...]] = ()
    model: Any

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """All rows that are meant, for whoever goes through all of them."""
        term = search_term.strip()
        if not term:
            return queryset, False
        match = request.resolver_match
        if self.autocomplete_ordering and match is not None and match.url_name == "autocomplete":
            return self.first_names(queryset, term).order_by(*self.autocomplete_ordering), False
        if found := self.exact_hits(queryset, term):
            return queryset.filter(pk__in=found), False
        everything = self.model._default_manager.order_by()
        ways = [everything.filter(q).values("pk") for q in self.conditions(term, capped=False)]
        if not ways:
            return queryset.none(), False
        return queryset.filter(pk__in=ways[0].union(*ways[1:])), False

    def first_hits(self, queryset: QuerySet[Any], term: str, few: bool) -> tuple[list[int], bool]:
        """Ids of the newest rows that are meant, and whether there are or may be more. `few`: the
        queryset has so few rows that they can be looked at one by one."""
        if found := self.exact_hits(queryset, term):
            return found, False
        if few:
            at_hand = reduce(or_, (way.plain(term) for way in self.finders if not way.exact), Q())
            conditions = [at_hand] if at_hand else []
        else:
            conditions = self.conditions(term, capped=True)
        hits: set[int] = set()
        for condition in conditions:
            newest = queryset.filter(condition).order_by("-pk").values_list("pk", flat=True)
            hits.update(newest[: HITS + 1])
        more = len(hits) > HITS or (not few and self.is_capped(term))
        return sorted(hits, reverse=True)[:HITS], more

    def first_names(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Rows to choose from, of which a name begins so: the first of each index. Where there are
        more, more has to be typed."""
        found: set[int] = set()
        for way in self.finders:
            for case in way.cases(term) if isinstance(way, Beginning) else ():
                named = queryset.filter(case).order_by(way.field)  # type: ignore[attr-defined]
                found.update(named.values_list("pk", flat=True)[:OFFERED])
        return queryset.filter(pk__in=found)

    def is_capped(self, term: str) -> bool:
        return any(way.is_capped(self.model, term) for way in self.finders if not way.exact)

    def exact_hits(self, queryset: QuerySet[Any], term: str) -> list[int]:
        exact = [way.plain(term) for way in self.finders if way.exact]
        if not exact:
            return []
        ways = [queryset.order_by().filter(q).values_list("pk", flat=True) for q in exact]
        return [pk for way in ways for pk in way[:HITS]]

    def conditions(self, term: str, *, capped: bool) -> list[Q]:
        found = (way.rows(self.model, term, capped) for way in self.finders if not way.exact)
        return [condition for condition in found if condition is not None]
