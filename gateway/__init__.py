"""The gateway: one shared opt-out registry, kept as a log."""
