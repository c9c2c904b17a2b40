"""Validation of values from outside against types, with a message for every fault."""
