"""The home page and the board, as they are shown; their figures are core.reports.dashboard's."""
