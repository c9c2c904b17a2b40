"""Work that arrives together and is done together."""
