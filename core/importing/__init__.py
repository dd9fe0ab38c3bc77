"""The streaming bulk import: customers, top-ups and orders from CSV and XLSX, a block at a time.

The way of a file: uploads.py makes a job of it, whose run is jobs.py; detection.py says what it is,
rows.py reads it (workbooks in a process of their own: workbook_process.py), columns.py and cells.py
say what it means. batch.py is a block on its way to customers.py, top_ups.py or orders.py, which
hold it against the database and write it: row_importer.py. Many rows go into a table at the
database's own speed by core/db/tables.py.
"""
