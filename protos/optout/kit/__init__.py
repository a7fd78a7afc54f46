"""What gateway and adapters share: numbers, redaction, clock, certificates, configuration."""
