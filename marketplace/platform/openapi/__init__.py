"""openapi.yaml and /docs: the API description, generated from the code."""
