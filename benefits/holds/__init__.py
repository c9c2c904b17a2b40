"""Points and stock set aside with a deadline, until somebody else has answered."""
