"""Whether a token may still be used, and who calls with it."""
