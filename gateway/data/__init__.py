"""Data that ships with the gateway: the policy that a new registry begins with."""
