"""The locations of a partner, added one by one or imported from a file."""
