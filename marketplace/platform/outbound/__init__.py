"""Outbound traffic: guarded requests to partners' addresses, and mail."""
