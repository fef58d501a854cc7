"""The closed vocabularies. Strings become these enums in the codec and nowhere else.

A value from a newer peer decodes to `UNKNOWN` where the enum has it (see `_missing_`): a reader that is
older than the writer shows what it cannot name instead of refusing the record.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class SpanStatus(StrEnum):
    """Where a span is. `complete`, `failed` and `cancelled` are final; the first of them to arrive stays."""

    PENDING = "pending"
    ACTIVE = "active"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self not in (SpanStatus.PENDING, SpanStatus.ACTIVE)


class InstanceStatus(StrEnum):
    """Where an instance (a run) is. `terminated` is the server's stop; other ends are the agent's."""

    PENDING = "pending"
    ACTIVE = "active"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"

    @property
    def final(self) -> bool:
        return self not in (InstanceStatus.PENDING, InstanceStatus.ACTIVE)


class Purpose(StrEnum):
    """What a run was for."""

    LIVE = "live"
    SMOKE_TEST = "smoke_test"
    EVAL = "eval"


class EventLevel(StrEnum):
    """How loud an event is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class CostSource(StrEnum):
    """Where a cost comes from. An unknown cost has no number: it is never shown as 0."""

    REPORTED = "reported"
    COMPUTED = "computed"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


class FailureCategory(StrEnum):
    """Why a call failed, by what can be done about it."""

    RATE_LIMIT = "rate_limit"
    QUOTA_EXHAUSTED = "quota_exhausted"
    TIMEOUT = "timeout"
    CONTEXT_OVERFLOW = "context_overflow"
    AUTH = "auth"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    INVALID_REQUEST = "invalid_request"
    CONTENT_FILTER = "content_filter"
    MALFORMED_OUTPUT = "malformed_output"
    CONNECTION_ERROR = "connection_error"
    TOOL_ERROR = "tool_error"
    CANCELLED = "cancelled"
    LIMIT_REACHED = "limit_reached"
    NOT_AN_ERROR = "not_an_error"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> FailureCategory:
        return cls.UNKNOWN


class FacetKind(StrEnum):
    """What a run is counted by: what it used and what it met. Each says what the facet's name then is."""

    MODEL = "model"
    """`provider/model`, the model alone where no provider is known, `UNNAMED` where neither is."""
    TOOL = "tool"
    """The tool's name."""
    FAILURE = "failure"
    """The fingerprint of a group of failures that are alike."""
    CATEGORY = "category"
    """A `FailureCategory`."""
    EVENT = "event"
    """An `AgentEventName`."""


UNNAMED = "(not named)"
"""The facet name of model calls and tool calls that do not say which."""


class ScoreSource(StrEnum):
    """Through which door a score came."""

    API = "api"
    CONSOLE = "console"


class RunOrder(StrEnum):
    """How a list of runs is sorted, the most first."""

    NEWEST = "newest"
    COST = "cost"
    DURATION = "duration"
    TOKENS = "tokens"


class SearchKind(StrEnum):
    """Whose text was found."""

    RUN = "run"
    SPAN = "span"
    EVENT = "event"


class TokenScope(StrEnum):
    """What a token may do. Each includes none of the others; a token carries a set of them."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class SpanType(StrEnum):
    """The span types (`schema_name`) that Holdfast itself writes. Any other name is welcome."""

    AGENT = "agent:run"
    TURN = "agent:turn"
    LLM = "agent:llm"
    TOOL = "agent:tool"
    RETRIEVAL = "agent:retrieval"
    STEP = "agent:step"
    HANDOFF = "agent:handoff"
    ATTEMPT = "agent:attempt"
    FUNCTION = "agent:function"


class TokenStatus(StrEnum):
    """Whether a token works. `revoked` is for good."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class AgentStatus(StrEnum):
    """Whether an agent is at work: `pending` before its first run, `dormant` after 30 days without one,
    `retired` when somebody said so."""

    PENDING = "pending"
    ACTIVE = "active"
    DORMANT = "dormant"
    RETIRED = "retired"


class TokenKind(StrEnum):
    """The `token_scope` of the HTTP API: what a token belongs to. What it may do is its `TokenScope`s."""

    ACCOUNT = "account"
    DEPLOYMENT = "agent_deployment"


class RiskLevel(StrEnum):
    """How much harm a span of its type could do, as its declared data risk says."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ErrorCode(StrEnum):
    """The `code` of an error answer: what a client decides by."""

    BAD_REQUEST = "bad_request"
    BAD_TOKEN = "bad_authtoken"  # noqa: S105 - a word of the protocol
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    INVALID_ACTION = "invalid_action"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA = "unsupported_media_type"
    VALIDATION = "validation_errors"
    INTERNAL = "internal_error"
    UNAVAILABLE = "unavailable"


class OnError(StrEnum):
    """What a bulk request does after an item that fails."""

    STOP = "stop"
    CONTINUE = "continue"


class ErasureState(StrEnum):
    """How far an erasure is. While it runs, what it has come to is already out of sight."""

    RUNNING = "running"
    COMPLETE = "complete"


class ErasureCause(StrEnum):
    """Why runs were erased: somebody asked, or their time was over."""

    ASKED = "asked"
    RETENTION = "retention"


class RunField(StrEnum):
    """What runs can be selected by, in words: `agent = "support" and begun < 90d`."""

    RUN = "run"
    AGENT = "agent"
    VERSION = "version"
    ENVIRONMENT = "environment"
    PURPOSE = "purpose"
    STATUS = "status"
    NAME = "name"
    EXTERNAL_IDENTIFIER = "external_identifier"
    BEGUN = "begun"
    FINISHED = "finished"


class Comparison(StrEnum):
    """How a field is compared in a selection of runs. `~` means “contains”."""

    EQUAL = "="
    UNEQUAL = "!="
    IN = "in"
    CONTAINS = "~"
    BEFORE = "<"
    UNTIL = "<="
    AFTER = ">"
    SINCE = ">="


class TraceSpanKind(IntEnum):
    """The kind of an OpenTelemetry span."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5

    @classmethod
    def _missing_(cls, value: object) -> TraceSpanKind:
        return cls.UNSPECIFIED


class TraceStatus(IntEnum):
    """How an OpenTelemetry span ended."""

    UNSET = 0
    OK = 1
    ERROR = 2

    @classmethod
    def _missing_(cls, value: object) -> TraceStatus:
        return cls.UNSET
