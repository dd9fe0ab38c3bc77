"""Actions on many rows at once, however they were chosen.

`selection.py` keeps the rows that were found, `action.py` says what an action is, `orders.py` and
`customers.py` are the actions, and `jobs.py` does them block by block.
"""
