"""What the names mean: exception classes and provider error codes, in one table.

`ContextWindowExceededError`, `context_window_exceeded` and `ContextWindowExceeded` are one word once case,
punctuation and the ending "error" or "exception" are gone, so a class and a code share an entry.

`FIRM` names say it all. `SOFT` names say which shelf, and the message may still say which book: a "bad
request" may be an overflowing context or a wrong key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from holdfast.wire.vocabulary import FailureCategory as C

__all__ = ["FIRM", "GENERIC", "LOCAL", "SOFT", "WRAPPERS", "family", "sign"]

_NOISE: Final = re.compile(r"[^a-z0-9]+")
_FAMILIES: Final = (
    (C.RATE_LIMIT, re.compile(r"ratelimit|throttl|toomanyrequest")),
    (
        C.CONTEXT_OVERFLOW,
        re.compile(
            r"context(?:window|length|overflow)|prompttoolong|(?:prompt|input|context)tokens|tokenlimit"
        ),
    ),
    (C.QUOTA_EXHAUSTED, re.compile(r"quota|billing|insufficient(?:credit|balance|fund)|payment")),
    (C.CONTENT_FILTER, re.compile(r"content(?:filter|policy)|moderation|safety|guardrail")),
    (C.CANCELLED, re.compile(r"cancell?ed$|aborted$")),
    (C.AUTH, re.compile(r"authentication|unauthorized|credential|permissiondenied|apikey")),
    (C.PROVIDER_UNAVAILABLE, re.compile(r"overload|unavailable|circuitopen")),
    (C.TIMEOUT, re.compile(r"timeout|timedout|deadline")),
    (
        C.LIMIT_REACHED,
        re.compile(r"(?:limits?|budget|turns|steps|iterations)(?:exceeded|reached)$|inloop|maxiterations"),
    ),
    (C.MALFORMED_OUTPUT, re.compile(r"pars(?:e|er|ing)$|jsondecode|malformed|outputvalid|noresponse$")),
    (
        C.CONNECTION_ERROR,
        re.compile(r"disconnect|connect(?:ion|or)?(?:closed|reset|refused|aborted|lost)?$|ssl"),
    ),
    (C.INVALID_REQUEST, re.compile(r"notfound$|badrequest|invalidrequest")),
)


def sign(name: str) -> str:
    """The name as the tables spell it."""
    word = _NOISE.sub("", name.rpartition(".")[2].lower())
    return word.removesuffix("exception").removesuffix("error")


def family(name: str) -> C | None:
    """The category that the parts of a name which is in no table speak of: `InstanceCostLimitExceededError`."""
    word = sign(name)
    return next((category for category, part in _FAMILIES if part.search(word)), None)


def _table(rows: Mapping[C, str]) -> Mapping[str, C]:
    return MappingProxyType(
        {sign(word): category for category, words in rows.items() for word in words.split()}
    )


def _set(words: str) -> frozenset[str]:
    return frozenset(map(sign, words.split()))


FIRM: Final = _table(
    {
        C.CANCELLED: """
            Cancelled CancelledError Canceled KeyboardInterrupt GeneratorExit SystemExit UserAbort APIUserAbort
            AbortError RequestAborted RunTerminated client_closed_request""",
        C.LIMIT_REACHED: """
            BudgetExceeded MaxIterationsExceeded MaxIterationsReached MaxTurnsExceeded max_turns_reached
            UsageLimitExceeded GraphRecursion MaxStepsExceeded AgentMaxStepsError LimitsExceeded LoopDetected
            ToolCallLimitExceeded ModelCallLimitExceeded max_iterations max_steps recursion_limit
            RunawayLoop IterationLimitExceeded TurnLimitExceeded StepLimitExceeded CostLimitExceeded""",
        C.CONTEXT_OVERFLOW: """
            context_length_exceeded ContextWindowExceeded ContextLengthExceeded context_window_exceeded
            model_context_window_exceeded ContextOverflow context_too_large context_length_error
            exceed_context_size exceed_context_size_error prompt_too_long PromptTooLong input_too_long
            max_context_length_exceeded max_tokens_exceeded tokens_limit_reached token_limit_exceeded
            ContextWindowOverflow ExceededContextLength exceeded_token_limit input_length_exceeded
            prompt_tokens_exceeded RequestTooManyTokens""",
        C.QUOTA_EXHAUSTED: """
            insufficient_quota QuotaExceeded quota_exceeded InsufficientQuota InsufficientBalance
            insufficient_balance insufficient_credits insufficient_credit insufficient_funds InsufficientCredits
            billing_error billing_hard_limit_reached billing_not_active payment_required PaymentRequired
            credit_balance_too_low exceeded_current_quota ServiceQuotaExceeded LicenseExhausted
            usage_limit_reached usage_not_included spend_limit_reached insufficient_user_quota
            account_overdue Arrearage credits_exhausted out_of_credits quota_exhausted balance_not_enough
            personal_access_token_quota_exceeded free_usage_limit subscription_required trial_expired
            FreeTierOnly AllocationQuota_FreeTierOnly monthly_limit_reached SubscriptionUsageLimit""",
        C.CONTENT_FILTER: """
            content_filter ContentFilter ContentFilterFinishReason ContentPolicyViolation content_policy_violation
            ResponsibleAIPolicyViolation content_moderation moderation_blocked moderation_error
            content_policy content_filtered content_blocked blocked_content data_inspection_failed
            DataInspectionFailed BlockedPrompt StopCandidate ResponseBlocked prompt_blocked
            sensitive_content sensitive_words_detected GuardrailIntervened GuardrailViolated
            InputGuardrailTripwireTriggered OutputGuardrailTripwireTriggered safety_violation policy_violation
            SafetySpecificationViolated cyber_policy_violation image_content_policy_violation
            input_moderation output_moderation ModelRefusal refusal content_safety PROHIBITED_CONTENT SAFETY
            BLOCKLIST IMAGE_SAFETY RECITATION""",
        C.AUTH: """
            invalid_api_key incorrect_api_key api_key_invalid missing_api_key no_api_key api_key_expired
            invalid_token token_expired expired_token ExpiredToken InvalidToken ExpiredTokenException
            invalid_grant invalid_client unauthorized_client NoCredentials PartialCredentials
            CredentialRetrieval DefaultCredentials RefreshError UnrecognizedClient InvalidClientTokenId
            InvalidSignature SignatureDoesNotMatch IncompleteSignature MissingAuthenticationToken
            account_deactivated account_suspended organization_restricted unsupported_country_region_territory
            NoAuthToken SSOTokenLoad UnauthorizedSSOToken TokenRetrieval ProfileNotFound invalid_authentication
            incorrect_api_key_provided api_key_revoked missing_scope mismatched_organization
            invalid_organization ip_not_authorized API_KEY_SERVICE_BLOCKED ACCESS_TOKEN_EXPIRED
            CREDENTIALS_MISSING ACCESS_TOKEN_SCOPE_INSUFFICIENT OptInRequired NotAuthorized
            LocalTokenNotFound GatedRepo""",
        C.RATE_LIMIT: """
            ThrottlingException Throttling Throttled ThrottledException RequestLimitExceeded
            TooManyRequests too_many_requests model_cooldown RequestThrottled
            concurrency_limit_exceeded tpm_exceeded rpm_exceeded slow_down
            ProvisionedThroughputExceeded TooManyTokens""",
        C.TIMEOUT: """
            APITimeout ReadTimeout ConnectTimeout WriteTimeout PoolTimeout RequestTimeout
            request_timeout DeadlineExceeded deadline_exceeded ModelTimeout model_timeout SocketTimeout
            ServerTimeout ConnectionTimeout SocketTimeoutError TimeoutExpired TurnTimeout FutureTimeout
            upstream_timeout StreamIdleTimeout""",
        C.MALFORMED_OUTPUT: """
            JSONDecode json_decode_error OutputParser OutputParsing LengthFinishReason IncompleteOutput
            APIResponseValidation UnknownApiResponse UnexpectedModelBehavior ToolRetry
            tool_use_failed output_parse_failed json_validate_failed MALFORMED_FUNCTION_CALL
            UNEXPECTED_TOOL_CALL invalid_tool_call InvalidToolCall invalid_model_output ModelBehavior
            StructuredOutputValidation StructuredOutput MultipleStructuredOutputs
            InvalidResponse ResponseParser UnicodeDecode ContentDecoding Decoding ContentType JSONSchemaValidation
            FunctionCallFormatError FormatError FunctionCallValidation FunctionCallNotExists
            LLMMalformedActionError LLMNoActionError LLMResponseError NoObjectGenerated AdapterParse
            malformed_response invalid_json empty_response EmptyResponse msgspecDecode IncompleteJson""",
        C.CONNECTION_ERROR: """
            ConnectError NetworkError ReadError WriteError CloseError ProtocolError RemoteProtocol
            ConnectionRefused ConnectionReset ConnectionAborted BrokenPipe RemoteDisconnected ServerDisconnected
            ClientConnector ClientConnectorDNS ClientConnectorSSL ClientConnectorCertificate ClientConnection
            ClientOS ClientPayload ClientProxyConnection ServerConnection SSLError SSLZeroReturn SSLEOF
            SSLCertVerification SSLWantRead SSLSyscall CertificateError gaierror herror MaxRetry NewConnection
            NameResolution IncompleteRead ChunkedEncoding EndpointConnection ConnectionClosed ProxyError
            ProxyConnection HTTPClient ConnectionInterrupted StreamConsumed StreamClosed StreamReset
            ConnectionTerminated BadStatusLine InvalidChunkLength ReadTransport ResponseStreaming
            ConnectionClosedError ConnectionClosedOK WebSocketConnectionClosed ConnectionLost
            ResponseEnded DNSError ClosedResource
            BrokenResource EndOfStream TransferEncoding PayloadEncoding BadHttpMessage
            ResponseNotReady CannotSendRequest""",
        C.PROVIDER_UNAVAILABLE: """
            overloaded server_is_overloaded engine_overloaded ServiceUnavailable
            service_unavailable ModelNotReady ModelStreamError InternalServerException_Throttled
            model_overloaded CircuitOpen CircuitBreaker bad_gateway BadGateway GatewayTimeout gateway_timeout
            server_overloaded no_available_providers capacity_exceeded no_healthy_upstream
            NoDeploymentAvailable system_overloaded""",
        C.INVALID_REQUEST: """
            model_not_found ModelNotFound InvalidURL MissingSchema InvalidSchema UnsupportedProtocol
            UnsupportedParams unsupported_parameter unknown_parameter unsupported_value invalid_model
            model_not_supported model_not_available ParamValidation UnknownService NoRegion
            TooManyRedirects invalid_image_url invalid_image invalid_image_format
            image_parse_error unsupported_model missing_required_parameter invalid_type
            model_decommissioned no_endpoints_found InvalidInput CookieConflict InvalidHeader""",
    }
)

SOFT: Final = _table(
    {
        C.RATE_LIMIT: """
            RateLimit RateLimited rate_limit rate_limit_exceeded RateLimitExceeded rate_limit_reached
            ResourceExhausted RESOURCE_EXHAUSTED tokens requests input_tokens output_tokens
            request_limit_exceeded tokens_per_min requests_per_min limit_exceeded tokens_usage_based
            RateLimiter""",
        C.AUTH: """
            AuthenticationError authentication authentication_error auth_error Unauthorized Unauthenticated
            UNAUTHENTICATED PermissionDenied permission_denied permission_error permission Permission
            AccessDenied access_denied Forbidden forbidden Authorization NotAuthenticated AuthError
            access_terminated organization_not_found ClientAuthentication ProxyAuthenticationRequired""",
        C.CONTEXT_OVERFLOW: "request_too_large RequestTooLarge RequestEntityTooLarge PayloadTooLarge",
        C.TIMEOUT: """
            Timeout TimeoutException TimeoutError timed_out timeout_error ReadTimedOut""",
        C.PROVIDER_UNAVAILABLE: """
            InternalServer internal_server_error InternalServerException InternalFailure INTERNAL
            server_error ServerError UNAVAILABLE Unavailable ModelError ServiceError internal_error
            upstream_error provider_error backend_error DATA_LOSS GoogleServerError""",
        C.MALFORMED_OUTPUT: "ValidationError Decode DataError",
        C.CONNECTION_ERROR: """
            APIConnection Connection ConnectionError connection_error TransportError Transport""",
        C.INVALID_REQUEST: """
            NotFound not_found not_found_error UnprocessableEntity FAILED_PRECONDITION FailedPrecondition
            OUT_OF_RANGE OutOfRange UNIMPLEMENTED MethodNotImplemented ALREADY_EXISTS Conflict
            LocalProtocol ResourceNotFound EntityNotFound RepositoryNotFound UnsupportedOperation""",
    }
)

GENERIC: Final = _set(
    """
    BadRequest InvalidRequest invalid_request invalid_request_error InvalidArgument INVALID_ARGUMENT
    ValidationException bad_request validation_error invalid_parameter invalid_value invalid_prompt
    request_validation_error
    """
)
"""Codes that servers put on everything that they do not like: they count less than the HTTP status."""

WRAPPERS: Final = _set(
    """
    Exception BaseException RuntimeError ValueError OSError IOError HTTPError HTTPStatusError APIError
    APIStatusError OpenAIError AnthropicError APIConnectionError ClientError BotoCoreError RequestError
    RequestException ConnectionError ExceptionGroup BaseExceptionGroup MaxRetryError TransportError
    LangChainException HTTPException RetryError InstructorRetryException AgentRunError ModelAPIError
    ModelHTTPError FallbackExceptionGroup URLError ClientResponseError ClientConnectionError RpcError
    ResponseError LLMError
    """
)
"""Classes that carry other errors up; what caused them may say more."""

LOCAL: Final = _set(
    """
    ZeroDivisionError ArithmeticError OverflowError AttributeError TypeError KeyError IndexError
    LookupError NameError UnboundLocalError ImportError ModuleNotFoundError SyntaxError IndentationError
    AssertionError FileNotFoundError FileExistsError IsADirectoryError NotADirectoryError
    NotImplementedError RecursionError StopIteration StopAsyncIteration MemoryError EOFError
    UnicodeEncodeError BlockingIOError ChildProcessError InterruptedError CalledProcessError
    SubprocessError OperationalError DatabaseError IntegrityError ProgrammingError InterfaceError
    ValueError ToolException ToolError ToolExecutionError ToolInvocationError AgentToolCallError
    AgentToolExecutionError McpError UserError CommandError
    """
)
"""Classes raised by code that runs here: no provider had a hand in them."""
