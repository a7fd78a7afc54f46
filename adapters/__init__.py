"""What speaks the carriers' protocols, and what stands in for the carriers in demo and tests."""
