"""The program's secret key in the database: checked at the start, and rotated."""
