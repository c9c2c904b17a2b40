"""OAuth clients: registration, credentials, metadata, and the APIs that manage them."""
