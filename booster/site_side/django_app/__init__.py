"""Booster Office, the site's side: counts plays exactly, says so by order, and can hold them back.

Copy this folder into the project as `booster_office`; README.md beside it says how to set it up.
"""
