"""The carriers' systems as products: steerable from tests and over gRPC, and asserting what their callers do."""
