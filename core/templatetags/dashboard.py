"""What the templates of dashboard/ ask for."""

from django import template

from core.models import label_of
from core.pages.display import tone_of

register = template.Library()


@register.filter
def status_label(value: int) -> str:
    """A status by its number, in the reader's language."""
    return label_of(value)


@register.filter
def status_tone(value: int) -> str:
    """The colour of a status, as the style sheets call it."""
    return tone_of(value)
