"""The edge towards HTTP: health and metrics."""
