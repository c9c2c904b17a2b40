"""The OAuth server's endpoints: authorization, tokens, pushed requests, proofs, signing keys; Authlib over preloaded rows."""
