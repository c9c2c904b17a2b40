"""The finance console comes here."""
