"""Where a partner takes vouchers: one by one, or imported from a file."""
