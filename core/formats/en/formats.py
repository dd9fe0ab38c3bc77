"""Moments are said as everywhere else on the desk, and shorter than "Nov. 29, 2026, 3:59 p.m."."""

DATETIME_FORMAT = "Y-m-d H:i"
