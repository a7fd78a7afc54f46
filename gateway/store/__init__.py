"""The store's contract and its engines."""
