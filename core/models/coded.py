"""The columns in which a row keeps why something happened: beside the text, which a person typed or
which the row has from before there were codes, a code and its parameters. Written and read by
`core.reasons.reason_columns()` and `reason_of()`.
"""

from typing import Any

from django.db import models

from core.reasons import CODE_LENGTH


def code_field() -> "models.CharField[Any, Any]":
    """The database has the default, too: rows are also added without it."""
    return models.CharField(
        max_length=CODE_LENGTH, blank=True, default="", db_default="", editable=False
    )


def params_field() -> "models.JSONField[Any, Any]":
    return models.JSONField(null=True, editable=False)
