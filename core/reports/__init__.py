"""Figures of the office, read from indexes and from sums that are kept.

Law: plain values in documented units. Nothing here knows a page, a template or a language.

dashboard.py  what the home page and the board show
rollups.py    sums of past quarters of an hour
playrate.py   plays a minute
queue.py      what the workers do, and what waits for them
"""
