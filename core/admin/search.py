"""Search that indexes answer, with 5,000,000 rows as with 5,000.

Django's own takes a word apart and looks for it anywhere in any of the fields, which reads every
row. Here a list names its `exact_fields`. If no row is named exactly by one of them, its `finders`
are asked: each leads from the term to rows by an index.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any, ClassVar

from django.db.models import Case, Q, QuerySet, When
from django.http import HttpRequest

from core.db import lookups

# A page shows the newest hits; a search with more has to be narrowed.
HITS = 1_000
# A shorter part is less than a three-letter piece of an index, and says nothing.
LEAST_PART = 3
# No name has more; SQLite refuses expressions of a thousand parts.
MOST_WORDS = 64
# So many customers with names that match have their rows looked up.
NAMESAKES = 50
# So many names of each index are offered while a person types.
OFFERED = 200


class Finder(ABC):
    @abstractmethod
    def rows(self, model: Any, term: str) -> Q | None:
        """A condition that an index answers; None if the term cannot lead to rows."""

    def first_rows(self, model: Any, term: str) -> tuple[Q | None, bool]:
        """The same, only for the first rows if there are very many. True: there may be more."""
        return self.rows(model, term), False

    @abstractmethod
    def plain(self, term: str) -> Q:
        """The same condition for a few rows that are at hand."""


@dataclass(frozen=True)
class Named(Finder):
    """By a name of the row itself or of a related row."""

    field: str

    @abstractmethod
    def indexed(self, field: str, term: str) -> Q | None:
        """A condition that the index of these names answers; None if the term is too short."""

    def rows(self, model: Any, term: str) -> Q | None:
        relation, _, name = self.field.rpartition("__")
        condition = self.indexed(name, term)
        if condition is None or not relation:
            return condition
        return Q(**{f"{relation}__in": related_rows(model, relation, condition)})

    def first_rows(self, model: Any, term: str) -> tuple[Q | None, bool]:
        relation, _, name = self.field.rpartition("__")
        condition = self.indexed(name, term)
        if condition is None or not relation:
            return condition, False
        # Ids, so that the database knows how few they are.
        some = self.first_of(related_rows(model, relation, condition))[:NAMESAKES]
        keys = list(some.values_list("pk", flat=True))
        return Q(**{f"{relation}__in": keys}), len(keys) == NAMESAKES

    def first_of(self, matching: QuerySet[Any]) -> QuerySet[Any]:
        """The ones to look for if there are too many."""
        return matching


def related_rows(model: Any, relation: str, condition: Q) -> QuerySet[Any]:
    found: QuerySet[Any] = model._meta.get_field(relation).related_model.objects.order_by()
    return found.filter(condition)


class Beginning(Named):
    """How a field begins, as typed or in another usual case: the index is case-sensitive."""

    def indexed(self, field: str, term: str) -> Q:
        return Beginning(field).plain(term)

    def plain(self, term: str) -> Q:
        return reduce(or_, self.cases(term))

    def cases(self, term: str) -> list[Q]:
        cases = dict.fromkeys((term, term.lower(), term.upper(), term.capitalize()))
        return [lookups.starts_with(self.field, case) for case in cases]


class Words(Named):
    """Parts of a name, in any place and order. One must have three letters, as the index needs
    them."""

    def indexed(self, field: str, term: str) -> Q | None:
        words = term.split()
        if len(words) > MOST_WORDS or all(len(word) < LEAST_PART for word in words):
            return None
        long = [lookups.contains(field, word) for word in words if len(word) >= LEAST_PART]
        short = [Q(**{f"{field}__icontains": w}) for w in words if len(w) < LEAST_PART]
        return reduce(and_, (*long, *short))

    def first_of(self, matching: QuerySet[Any]) -> QuerySet[Any]:
        """The newest: none of them matches better than another."""
        return matching.order_by("-pk")

    def plain(self, term: str) -> Q:
        return reduce(and_, (Q(**{f"{self.field}__icontains": word}) for word in term.split()))


@dataclass(frozen=True)
class LastDigits(Finder):
    """How a number ends: people read this to each other."""

    field: str

    def rows(self, model: Any, term: str) -> Q | None:
        is_number = term.isascii() and term.isdecimal() and len(term) >= lookups.ENDING
        return lookups.ends_with(self.field, term) if is_number else None

    def plain(self, term: str) -> Q:
        return Q(**{f"{self.field}__endswith": term})


class PartOfAddress(Finder):
    def rows(self, model: Any, term: str) -> Q | None:
        return lookups.contains("url", term) if len(term) >= LEAST_PART else None

    def plain(self, term: str) -> Q:
        return Q(url__icontains=term)


class IndexedSearch:
    """For an admin class. `search_fields` then only says that there is a search box."""

    # Unique fields, also of related rows.
    exact_fields: ClassVar[tuple[str, ...]] = ()
    finders: ClassVar[tuple[Finder, ...]] = ()
    # Autocomplete offers the first names in this order.
    autocomplete_ordering: ClassVar[tuple[str, ...]] = ()
    model: Any

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """All rows that match; for actions on all of them."""
        term = search_term.strip()
        if not term:
            return queryset, False
        match = request.resolver_match
        if self.autocomplete_ordering and match is not None and match.url_name == "autocomplete":
            return self.best_first(self.first_names(queryset, term), term), False
        if found := self.exact_hits(queryset, term):
            return queryset.filter(pk__in=found), False
        everything = self.model._default_manager.order_by()
        conditions = (way.rows(self.model, term) for way in self.finders)
        ways = [everything.filter(q).values("pk") for q in conditions if q is not None]
        if not ways:
            return queryset.none(), False
        return queryset.filter(pk__in=ways[0].union(*ways[1:])), False

    def best_first(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Exact names, names in another case, names that begin like this, the others."""
        name = self.autocomplete_ordering[0]
        place = Case(
            When(**{name: term}, then=0),
            When(**{f"{name}__iexact": term}, then=1),
            When(**{f"{name}__istartswith": term}, then=2),
            default=3,
        )
        return queryset.order_by(place, *self.autocomplete_ordering)

    def first_hits(self, queryset: QuerySet[Any], term: str, few: bool) -> tuple[list[int], bool]:
        """Ids of the newest matching rows, and whether there are or may be more. `few`: the
        queryset is so short that its rows can be checked one by one."""
        if found := self.exact_hits(queryset, term):
            return found, False
        hits: set[int] = set()
        more = False
        for condition, is_capped in self.asked_for(term, few):
            newest = queryset.filter(condition).order_by("-pk").values_list("pk", flat=True)
            hits.update(newest[: HITS + 1])
            more |= is_capped
        more |= len(hits) > HITS
        return sorted(hits, reverse=True)[:HITS], more

    def first_names(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Rows to choose from, of which a name begins like this or has such words: the first of
        each index. If there are more, more has to be typed."""
        found: set[int] = set()
        for way in self.finders:
            for case in way.cases(term) if isinstance(way, Beginning) else ():
                named = queryset.filter(case).order_by(way.field)  # type: ignore[attr-defined]
                found.update(named.values_list("pk", flat=True)[:OFFERED])
            words = way.indexed(way.field, term) if isinstance(way, Words) else None
            if words is not None:
                found.update(queryset.filter(words).values_list("pk", flat=True)[:OFFERED])
        return queryset.filter(pk__in=found)

    def asked_for(self, term: str, few: bool) -> Iterator[tuple[Q | None, bool]]:
        """Conditions, and whether each may leave rows out. Finders without a condition in `rows()`
        are left out: otherwise the list would show other rows than an action on all of them takes.
        """
        ways = [way for way in self.finders if way.rows(self.model, term) is not None]
        if few and ways:
            yield reduce(or_, (way.plain(term) for way in ways)), False
            return
        for way in ways:
            yield way.first_rows(self.model, term)

    def exact_hits(self, queryset: QuerySet[Any], term: str) -> list[int]:
        named = [queryset.order_by().filter(**{name: term}) for name in self.exact_fields]
        return [pk for rows in named for pk in rows.values_list("pk", flat=True)[:HITS]]
