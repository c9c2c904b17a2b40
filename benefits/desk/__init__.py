"""The one way in which points move: every errand that touches a wallet is decided at the desk."""
