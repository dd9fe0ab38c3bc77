"""The streaming bulk import: customers, top-ups and orders from CSV and XLSX, a block at a time.

survey.py   what kind of file is this, read once as bytes
rows.py     its rows as text, in blocks
columns.py  the header: which column is which
cells.py    what a cell may hold, a column of a block at a time
repeats.py  which names stand twice in a file of any length
kind.py     what customers, top-ups and orders have in common
accounts.py customers whose balances a block moves
customers.py, charges.py, orders.py   a block against the database: what it would do, and doing it
tables.py   many rows into a table at the database's own speed
store.py    the private folder of each job
jobs.py     a job's run: claim, check, import, resume, finish
"""
