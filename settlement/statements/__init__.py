"""Statements: a closed month of a partner, its lines, its approval."""
