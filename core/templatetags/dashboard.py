"""What the templates of dashboard/ ask for."""

from django import template

from core.models import Status

register = template.Library()


@register.filter
def status_label(value: int) -> str:
    """A status by its number, in the reader's language."""
    return str(Status(value).label)
