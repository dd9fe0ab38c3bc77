"""What people and addresses say is a row's key."""

from django.db.models import BigIntegerField


def key_of(text: object) -> int | None:
    """The key that this is; None for what no row can have. Python reads no number of thousands of
    digits."""
    digits = str(text)
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        return None
    return key if (key := int(digits)) <= BigIntegerField.MAX_BIGINT else None
