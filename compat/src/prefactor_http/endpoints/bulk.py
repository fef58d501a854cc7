"""Many operations in one request."""

from __future__ import annotations

from prefactor_http.endpoints.keys import Requester
from prefactor_http.models.bulk import BulkRequest, BulkResponse

__all__ = ["BulkClient"]


class BulkClient:
    def __init__(self, http_client: Requester) -> None:
        self._http = http_client

    async def execute(self, request: BulkRequest) -> BulkResponse:
        """What became of each item, by its key. An item that failed is in there as an error, not raised."""
        answer = await self._http.request("POST", "/api/v1/bulk", json_data=request.model_dump(mode="json"))
        return BulkResponse.model_validate(answer)
