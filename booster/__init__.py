"""The delivery: how plays that a site's operator ordered reach that site."""

__version__ = "0.2.0"

USER_AGENT = f"BoosterOffice/{__version__} (+play orders; requests name themselves)"
"""Every request says who it is, always with these words (law 4)."""
