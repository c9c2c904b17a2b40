"""Spreadsheet files of offices: CSV, XLSX, XLS and ODS, read as rows of typed cells.

`reader.py` is the entry point. Workbooks are read by python-calamine in a child process with limits (`child.py`), CSV in this
process (`csv_text.py`). Each cell has its type beside its text (`table.py`), so that a date is not taken for a name.
"""
