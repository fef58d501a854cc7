"""Many operations in one request. They are carried out in order; the first that fails ends the work."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["BulkItem", "BulkOutput", "BulkRequest", "BulkResponse"]


class BulkItem(BaseModel):
    """One operation. `_type` says which; every other keyword is a parameter of it."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, serialize_by_alias=True)

    type_: str = Field(alias="_type")
    idempotency_key: Annotated[str, Field(min_length=8, max_length=64)]


class BulkRequest(BaseModel):
    items: Annotated[list[BulkItem], Field(min_length=1)]

    @field_validator("items")
    @classmethod
    def validate_unique_idempotency_keys(cls, items: list[BulkItem]) -> list[BulkItem]:
        """Raises `ValueError` where two items carry one key: their outputs could not be told apart."""
        seen: set[str] = set()
        for item in items:
            if item.idempotency_key in seen:
                raise ValueError(f"idempotency_key {item.idempotency_key!r} is used by more than one item")
            seen.add(item.idempotency_key)
        return items


class BulkOutput(BaseModel):
    """What became of one item: `success` with the body of the single call, or `error` with a code."""

    model_config = ConfigDict(extra="allow")

    status: str

    @field_validator("status")
    @classmethod
    def validate_status(cls, v: str) -> str:
        if v not in ("success", "error"):
            raise ValueError("status must be 'success' or 'error'")
        return v


class BulkResponse(BaseModel):
    """`outputs` by the items' keys. Items after the first that failed have none."""

    status: str = "success"
    outputs: dict[str, BulkOutput]
