"""Columns that many tables have: of rows of other tables, of amounts, of moments, of reasons."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar, overload

from django.db import models

from core.db.clock import Moment
from core.reasons import CODE_LENGTH, TEXT_LENGTH

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
    """A foreign key whose row stays: accounts are switched off, and nothing that money or orders
    rest on is ever deleted."""
    return models.ForeignKey(to, verbose_name=label, on_delete=models.PROTECT, **options)


@overload
def amount_field(
    label: Any, digits: int = 10, *, null: Literal[True], **options: Any
) -> "models.DecimalField[Any, Decimal | None]": ...


@overload
def amount_field(
    label: Any, digits: int = 10, **options: Any
) -> "models.DecimalField[Any, Decimal]": ...


def amount_field(label: Any, digits: int = 10, **options: Any) -> Any:
    """Of the office's one currency, to the cent."""
    return models.DecimalField(label, max_digits=digits, decimal_places=2, **options)


def created_field(label: Any = None, **options: Any) -> "models.DateTimeField[Any, datetime]":
    """When the row was written, by the database's clock."""
    return models.DateTimeField(label, db_default=Moment(), editable=False, **options)


def reason_fields(
    label: Any, most: int = TEXT_LENGTH, **options: Any
) -> "tuple[models.CharField[Any, Any], models.CharField[Any, Any], models.JSONField[Any, Any]]":
    """`reason, reason_code, reason_params = reason_fields(…)`: why something happened, as a text,
    which a person typed or which the row has from before there were codes, or as a code with its
    parameters. Written and read by `core.reasons.reason_columns()` and `reason_of()`. `options`: of
    the text. The database has the code's default, too: rows are also added without it."""
    code: dict[str, Any] = {"default": "", "db_default": "", "editable": False}
    return (
        models.CharField(label, max_length=most, blank=True, **options),
        models.CharField(max_length=CODE_LENGTH, blank=True, **code),
        models.JSONField(null=True, editable=False),
    )
