"""The partner as an aggregate: its status, history and profile."""
