"""``optout audit``: checking the registry without trusting it."""
