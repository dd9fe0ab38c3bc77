"""The streaming bulk import: customers, top-ups and orders from CSV and XLSX, a block at a time.

uploads.py       from a file to a job
detection.py     what kind of file is this, read once as bytes
encodings.py     which encoding a text has that is not UTF-8
workbooks.py     the rows of a sheet of an Excel workbook
parts.py         its parts, parsed within limits
workbook_process.py  which of its sheets, in a process of its own, with little memory
number_formats.py  its numbers as the sheet shows them
rows.py          a file's rows as text, in blocks
columns.py       the header: which column is which
cells.py         what a cell may hold, a column of a block at a time
starts.py, payment_methods.py   cells of one kind of file alone
batch.py         a block on its way: its values, and the rows that fell out
similar_names.py  which names people would take for one another
totals.py        rows in which a sheet adds up the others
duplicates.py    which names appear twice in a file of any length
row_importer.py  what customers, top-ups and orders have in common
accounts.py      customers looked up by name, locked where their balances move
customers.py, top_ups.py, orders.py   a block against the database: what it would do, and doing it
store.py         the files of each job, in the database
signs.py         how far a run is, and whether it is to stop
preview.py       the first rows, and which column is which
notes.py         what was made of a file, for somebody to look at
undoing/         taking back what an import wrote, all of it or nothing
jobs.py          a job's run: claim, check, import, resume, finish, undo

Many rows go into a table at the database's own speed by core/db/tables.py.
"""
