"""Test aids that ship with the gateway."""
