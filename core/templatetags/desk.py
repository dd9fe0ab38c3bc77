"""What templates ask for, without loading it: office/settings.py names it as built in."""

from django import template

from core import reasons
from core.models import label_of
from core.pages import display
from core.pages.flow.timeline import timeline_of
from core.pages.idempotent_forms import only_asks
from core.pages.people import page_to_go_on_at

register = template.Library()
# Why, in the reader's language: `{{ event|reason|words }}`.
register.filter("reason", reasons.reason_of)
register.filter("words", reasons.translate)
# A status by its number, in the reader's language; and its colour, as the style sheets call it.
register.filter("status_label", label_of)
register.filter("status_tone", display.tone_of)
# Figures, and a step of an order, as every page writes them.
register.filter("number", display.number)
register.filter("money", display.money)
register.filter("signed", display.signed)
register.filter("rate", display.rate)
register.filter("step", display.step)
# Whether a form that came back has questions and no errors.
register.filter("only_asks", only_asks)
# The order's way. Whoever does not say for whom the page is writes for a customer.
register.simple_tag(timeline_of, name="order_timeline")
# Where a page in another language is found.
register.filter("page_to_go_on_at", page_to_go_on_at)
