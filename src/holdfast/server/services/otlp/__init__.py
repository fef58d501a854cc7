"""OpenTelemetry traces in: decoded, understood under whatever conventions, and applied as operations."""
