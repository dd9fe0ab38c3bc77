"""The columns in which a row keeps why something happened: a text, which a person typed or which
the row has from before there were codes, and beside it a code and its parameters. Written and read
by `core.reasons.reason_columns()` and `reason_of()`.
"""

from typing import Any

from django.db import models

from core.reasons import CODE_LENGTH, TEXT_LENGTH


def reason_fields(
    label: Any, most: int = TEXT_LENGTH, **options: Any
) -> "tuple[models.CharField[Any, Any], models.CharField[Any, Any], models.JSONField[Any, Any]]":
    """`reason, reason_code, reason_params = reason_fields(…)`. `options`: of the text. The database
    has the code's default, too: rows are also added without it."""
    code: dict[str, Any] = {"default": "", "db_default": "", "editable": False}
    return (
        models.CharField(label, max_length=most, blank=True, **options),
        models.CharField(max_length=CODE_LENGTH, blank=True, **code),
        models.JSONField(null=True, editable=False),
    )
