"""The home page and the board; core.reports.dashboard has their figures."""
