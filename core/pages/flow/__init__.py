"""FLOW as a drawing, on the board, on an order's page and for its customer.

layout.py    where boxes stand and how lines run; pure
drawing.py   the texts on them, ready for SVG
timeline.py  one order's steps, and what its drawing says of them
"""
