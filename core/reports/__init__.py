"""Figures of the office, read from indexes and from sums that are kept. Law: plain values in
documented units. Nothing here knows a page, a template or a language."""
