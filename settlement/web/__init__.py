"""The statements in the partner portal; the finance console comes here."""
