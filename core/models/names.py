"""What a name may look like, and when two names are one: pure rules for form, file and command."""

import unicodedata
from collections.abc import Sequence

import regex
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# "{{" is a template, "<" and ">" are markup to whoever forgets to escape.
# What is not seen makes two names one to whoever reads them; U+2800 is a sign that shows nothing.
FORBIDDEN = regex.compile(
    r"[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800<>]|\{\{|\}\}"
)
VISIBLE = regex.compile(r"[\p{L}\p{N}\p{P}\p{S}]")
# A character in compatibility form can stand for 18 others.
KEY_LENGTH = 32 * 18


def validate_name(value: str) -> None:
    """Refuse what is not seen, markup, template braces, and names of blanks or accents alone."""
    if found := FORBIDDEN.search(value):
        raise ValidationError(
            _("May not contain %(what)s."), code="name", params={"what": ascii(found.group())}
        )
    if value != value.strip():
        raise ValidationError(_("May not start or end with a space."), code="name")
    if value and not VISIBLE.search(value):
        raise ValidationError(_("Shows no letter, digit or sign."), code="name")


def name_key(name: str) -> str:
    """What names that differ in case, Unicode form or the width of blanks alone have in common."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def name_keys(names: Sequence[str]) -> list[str]:
    """Of a column at once; most files are plain ASCII."""
    joined = "\n".join(names)
    if names and joined.isascii() and "  " not in joined:
        return joined.lower().split("\n")
    return list(map(name_key, names))
