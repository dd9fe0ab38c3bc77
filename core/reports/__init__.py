"""Figures of the office, read from indexes and from kept sums. Law: plain values in documented
units. Nothing here knows a page, a template or a language."""
