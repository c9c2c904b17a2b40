"""Where the numbers are made right: the money book, statements, payouts, exports."""
