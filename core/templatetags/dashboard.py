"""What the templates of dashboard/ ask for."""

from django import template

from core.models import Status
from core.pages.display import TONES

register = template.Library()


@register.filter
def status_label(value: int) -> str:
    """A status by its number, in the reader's language."""
    return str(Status(value).label)


@register.filter
def status_tone(value: int) -> str:
    """The colour of a status, as the style sheets call it."""
    return TONES.get(value, "off")
