"""The event log with its consumers, scheduled jobs, and the audit chain."""
