"""HTTP requests: who asks, what they may send, how often, and the answers and problems that they get."""
