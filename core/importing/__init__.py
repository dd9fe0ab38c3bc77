"""The streaming bulk import: customers, top-ups and orders from CSV and XLSX, a block at a time.

uploads.py       from a file to a job
detection.py     what kind of file is this, read once as bytes
rows.py          its rows as text, in blocks
columns.py       the header: which column is which
cells.py         what a cell may hold, a column of a block at a time
batch.py         a block on its way: its values, and the rows that fell out
duplicates.py    which names appear twice in a file of any length
row_importer.py  what customers, top-ups and orders have in common
accounts.py      customers looked up by name, locked where their balances move
customers.py, top_ups.py, orders.py   a block against the database: what it would do, and doing it
store.py         the private folder of each job
preview.py       the first rows, and which column is which
jobs.py          a job's run: claim, check, import, resume, finish

Many rows go into a table at the database's own speed by core/db/tables.py.
"""
