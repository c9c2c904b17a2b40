"""Tables out of the files that offices make: CSV, XLSX, XLS and ODS, read as rows of typed cells.

`reader.py` is the way in. Workbooks are read by python-calamine in a child process with limits (`child.py`), CSV in this
process (`csv_text.py`). What a cell is stands beside its text (`table.py`), so that nobody takes a date for a name.
"""
