"""The client's settings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from prefactor_http.config import HttpClientConfig

__all__ = ["PrefactorCoreConfig", "QueueConfig"]


class QueueConfig(BaseModel):
    """How a queue that the caller brings is worked off. `retry_delay_base` is seconds, doubled per retry.

    Without a queue of the caller's own, operations go straight to the spool on disk, which needs neither
    workers nor retries.
    """

    num_workers: Annotated[int, Field(ge=1, le=20)] = 3
    max_retries: Annotated[int, Field(ge=0)] = 3
    retry_delay_base: Annotated[float, Field(gt=0)] = 1.0


class PrefactorCoreConfig(BaseModel):
    """`schema_registry`, where it is given, makes the schema version of every instance."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    http_config: HttpClientConfig
    queue_config: QueueConfig = Field(default_factory=QueueConfig)
    schema_registry: Any = None
