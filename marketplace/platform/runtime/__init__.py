"""The running program: workers, housekeeping, operator commands, health."""
