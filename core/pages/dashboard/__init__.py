"""The home page and the board: what they show, and where its figures come from.

home.py      the parts of the home page
board.py     FLOW with how many orders stand where
charts.py    bars and lines as SVG
rollups.py   sums of past quarters of an hour
playrate.py  plays a minute
"""
