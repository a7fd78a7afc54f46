"""Use cases: they join the rules to the store and know neither gRPC nor HTTP."""
