"""The home page and the board, as they are shown. Their figures are in core/reports/dashboard.py.

home.py      the parts of the home page
board.py     FLOW with how many orders stand where
charts.py    bars and lines as SVG
"""
