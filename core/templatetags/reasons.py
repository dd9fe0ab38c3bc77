"""What the delivery wrote down, for templates: `{{ event.reason|said }}`."""

from django import template

from core import reasons

register = template.Library()
register.filter("said", reasons.said)
