"""Payouts: what was paid, on which rail."""
