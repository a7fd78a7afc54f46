"""The contract and what both sides of it share."""
