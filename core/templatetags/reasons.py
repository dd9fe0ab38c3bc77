"""Why, in templates: `{{ event|reason|words }}` in the reader's language."""

from django import template

from core import reasons

register = template.Library()
register.filter("reason", reasons.reason_of)
register.filter("words", reasons.translate)
