"""Columns that name a row of another table. What is named stays: accounts are switched off, and
nothing that money or orders rest on is ever deleted."""

from typing import Any, Literal, TypeVar, overload

from django.db import models

Row = TypeVar("Row", bound=models.Model)


@overload
def protected_key(
    to: type[Row], label: Any, *, null: Literal[True], **options: Any
) -> "models.ForeignKey[Row | None, Row | None]": ...


@overload
def protected_key(to: type[Row], label: Any, **options: Any) -> "models.ForeignKey[Row, Row]": ...


@overload
def protected_key(to: str, label: Any, **options: Any) -> "models.ForeignKey[Any, Any]": ...


def protected_key(to: Any, label: Any, **options: Any) -> Any:
    """A foreign key that keeps its row from being deleted."""
    return models.ForeignKey(to, verbose_name=label, on_delete=models.PROTECT, **options)
