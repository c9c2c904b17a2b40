"""Exports: a statement's lines as CSV and XLSX."""
