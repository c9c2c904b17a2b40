"""openapi.yaml and /docs: the API's description, made from the code."""
