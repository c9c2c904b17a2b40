"""The running program: packages, workers, housekeeping, operator commands, logs, health."""
