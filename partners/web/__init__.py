"""The partner portal's pages."""
