"""Undoing an import as a whole, while nothing depends on what it wrote.

undoer.py     what customers, top-ups and orders have in common; what speaks against it
customers.py, top_ups.py, orders.py   what depends on the rows of each, and taking them back
run.py        the run of a job: all of it in one transaction, or nothing
"""
