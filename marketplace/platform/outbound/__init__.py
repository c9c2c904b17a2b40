"""Everything that leaves the program: guarded calls to partners' addresses, and mail."""
