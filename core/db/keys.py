"""Row keys as people and addresses write them."""

from django.db.models import BigIntegerField


def key_of(text: object) -> int | None:
    """The key, or None if no row can have it. Python refuses to read thousands of digits."""
    digits = str(text)
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        return None
    return key if (key := int(digits)) <= BigIntegerField.MAX_BIGINT else None
