"""The registry of span types, which is Holdfast's own."""

from holdfast import SchemaRegistry

__all__ = ["SchemaRegistry"]
