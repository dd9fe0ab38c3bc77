"""Actions on many rows at once, however they were chosen.

`selection.py` keeps the chosen rows, `action.py` is the base of all actions, `orders.py` and
`customers.py` are the actions, and `jobs.py` runs them block by block.
"""
