"""The one way in which points move: every command that changes a wallet is decided at the desk."""
