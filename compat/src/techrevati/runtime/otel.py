"""The OpenTelemetry sinks, which are Holdfast's own under this API's provider name. Needs the extra `otel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdfast.core.usage import UsageSnapshot
from holdfast.integrations import otel_sinks

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

__all__ = ["DEFAULT_PROVIDER_NAME", "OpenTelemetrySink", "OpenTelemetryUsageSink"]

DEFAULT_PROVIDER_NAME: Final = "techrevati"


class OpenTelemetrySink(otel_sinks.OpenTelemetrySink):
    """Spans are nested and as long as the work took; the original's were single and of no length."""

    def __init__(
        self,
        tracer: Tracer | None = None,
        provider_name: str = DEFAULT_PROVIDER_NAME,
        agent_id: str | None = None,
    ) -> None:
        super().__init__(tracer, provider_name, agent_id)


class OpenTelemetryUsageSink(otel_sinks.OpenTelemetryUsageSink):
    """Costs that are not known (`nan`) are left out."""

    def __init__(self, meter: Meter | None = None, provider_name: str = DEFAULT_PROVIDER_NAME) -> None:
        super().__init__(meter, provider_name)

    def record(self, model: str, usage: UsageSnapshot, cost_usd: float | None) -> None:
        unknown = cost_usd is None or cost_usd != cost_usd
        super().record(model, usage, None if unknown else cost_usd)
