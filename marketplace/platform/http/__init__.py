"""HTTP: authentication, request bodies, rate limits, responses and problem documents."""
