"""Batching: commands and reads that arrive together are executed together."""
