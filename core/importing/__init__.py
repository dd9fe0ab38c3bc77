"""The streaming bulk import: customers, top-ups and orders from CSV and XLSX, a block at a time.

uploads.py makes a job of a file; jobs.py is the job's run. detection.py finds the kind of file,
rows.py reads it (workbooks in a process of their own: workbook_process.py), columns.py and cells.py
give it meaning. batch.py is a block on its way to customers.py, top_ups.py or orders.py, which
check it against the database and write it (row_importer.py), many rows at a time by
core/db/tables.py.
"""
