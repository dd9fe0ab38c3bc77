"""FLOW as a drawing, on the board, on an order's page and for its customer.

ranks.py    which node comes before which; pure
layout.py   where boxes stand and how curves run; pure
sketch.py   the words on them, ready for SVG
timeline.py  one order's way through it
"""
