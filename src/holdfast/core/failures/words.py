"""What the words of a message say, for when type, status and code leave it open.

Providers word the same thing in a hundred ways, but with few parts: *what* (the context, the balance, the
key) and *what is wrong with it* (too long, too low, not valid). The rules look for the two together, so that
a text which only mentions a context window is no overflow. Order matters: the first rule that matches wins.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Final

from holdfast.wire.vocabulary import FailureCategory as C

__all__ = ["says", "sounds_like_failure", "without_noise"]

_EXCEED: Final = (
    r"(?:exceed(?:s|ed|ing)?|over|greater than|larger than|longer than|beyond|above|surpass(?:es|ed)?)"
)
_MODEL_INPUT: Final = (
    r"(?:prompt|input|context|conversation|messages?|history|request|sequence|query|document)"
)
_PER: Final = r"(?:per[ -](?:second|minute|hour|day|month|min)|/ ?(?:min|day|hour)|\b[rt]p[mdhs]\b)"

_RULES: Final[tuple[tuple[C, tuple[str, ...]], ...]] = (
    (
        C.CANCELLED,
        (
            r"\b(?:request|operation|stream|call|run|task|response|generation|user) (?:was |has been |is )?"
            r"(?:aborted|cancell?ed)\b",
            r"\b(?:aborted|cancell?ed|interrupted) by (?:the )?(?:user|caller|client)\b",
            r"\bclient closed request\b|\bkeyboard ?interrupt\b",
        ),
    ),
    (
        C.RATE_LIMIT,
        (  # before quota and overflow: "too many tokens per day", "tokens per minute limit exceeded"
            rf"\btoo many (?:\w+ )?(?:tokens|requests)\b[^.]{{0,40}}{_PER}",
            r"\btoo many tokens, please wait\b",
            rf"\b(?:rate|request|token)s?[ _-]?limit\w*\b[^.]{{0,60}}{_PER}",
            rf"{_PER}[^.]{{0,30}}\brate[ _-]?limit",
            r"quota exceeded for [^.]{0,120}(?:per ?minute|per_minute)",
        ),
    ),
    (
        C.QUOTA_EXHAUSTED,
        (
            r"\binsufficient[_ ](?!to\b)(?:\w+ ){0,4}?(?:quota|balance|credits?|funds?)\b",
            r"\b(?:balance|credits?|funds|quota|allowance)\b(?: \w+){0,2}? (?:is|are|was|were|has been|have been|too)? ?"
            r"(?:too low|insufficient|not (?:enough|sufficient)|exhausted|depleted|used up|expired|negative|empty)",
            r"\b(?:exceed(?:ed|s|ing)?|reached|hit|used up|exhausted|run out of|ran out of|over|consumed) "
            r"(?:your|the|its|my|this|their|all)? ?(?:\w+ ){0,3}?(?:quotas?\b|usage limits?|spend(?:ing)? (?:limit|cap)s?|"
            r"credits?\b|monthly limit|weekly limit|free (?:tier|usage|trial)|budget|hard limit|points|allowance|allocation)",
            r"\b(?:usage|spend(?:ing)?|billing|monthly|weekly|subscription|plan|hard|cost|credit) (?:hard |usage |soft )?"
            r"(?:limit|cap|quota|allowance)s? (?:has been |have been |was |is )?(?:reached|exceeded|hit|exhausted)",
            r"\bquota (?:has been |was |is |limit )?(?:exceeded|exhausted|reached)",
            r"\b(?:no|not enough|out of|more|zero|any) (?:\w+ )?credits?\b",
            r"\b(?:no|not enough|zero|low) (?:account |remaining |available )?(?:balance|funds)\b",
            r"\b(?:have|has)(?:n.t| not| no)? (?:enough|sufficient|any|a)? ?(?:free )?(?:credits?|quota)\b(?! left\b)",
            r"\bfree (?:quota )?tier\b[^.]{0,60}(?:exceeded|exhausted|not available|ended|expired)",
            r"\bdoes(?:n.t| not) have (?:a |any )?free (?:quota|tier)",
            r"\bbilling (?:details|plan|account|hard limit|issue|is not|not (?:active|enabled)|has not|to be enabled|disabled)",
            r"\b(?:enable|active|set ?up|check your|valid) (?:\w+ )?billing\b",
            r"\bpayment (?:is )?required\b|\bpayment method\b|\bunpaid\b|\boverdue\b|\barrears\b",
            r"\b(?:add|purchase|buy|top up|recharge)\b(?: \w+){0,3} (?:credits?|funds|balance|tokens)\b|\bplease recharge\b",
            r"\b(?:upgrade|subscribe)\b[^.]{0,30}\b(?:plan|subscription|tier|account)\b",
            r"余额不足|额度不足|配额|欠费|账户余额|额度已用|充值",
        ),
    ),
    (
        C.CONTEXT_OVERFLOW,
        (
            r"\b(?:maximum|max|model'?s?) (?:\w+ )?context(?:[ _-](?:length|window|size))?\b[^.]{0,20}"
            r"\b(?:is|of|exceeded|was|reached|limit)\b(?![^.]{0,12}\btoo small)",
            r"\bcontext(?:[ _-](?:length|window|size|limit|budget))?(?: limit| size)? (?:was |has been |is |been )?"
            r"(?:exceed(?:ed|s)?|overflow(?:ed|s)|too (?:long|large|big)|reached|exhausted|full)",
            rf"\b{_EXCEED} [^.]{{0,60}}\bcontext(?:[ _-](?:length|window|size|limit))?\b",
            r"\bdoes(?:n.t| not) fit (?:in(?:to)?|within) (?:the )?(?:\w+ )?context",
            rf"\b{_MODEL_INPUT}s? (?:is|are|was|were|has become|length is|size is)?\s?(?:far |way |much )?"
            r"too (?:long|large|big)\b(?![^.]{0,60}\b(?:bytes?|[kmg]i?b|pixels?|characters?|upload|expected a string)\b)",
            rf"\b{_MODEL_INPUT}s?(?: tokens?)?(?: length| size| token count)?\b[^.]{{0,50}}\b{_EXCEED}[^.]{{0,50}}"
            r"\b(?:tokens?|context|model'?s? (?:maximum|limit|token))\b",
            r"\b(?:input|prompt|total|number of) (?:\w+ )?tokens?(?: count)?\b[^.]{0,60}"
            rf"\b(?:{_EXCEED}|must (?:be|not))\b",
            r"\btoo many (?:\w+ )?tokens\b|\btokens? (?:limit|count|length) (?:was |has been |is )?exceed",
            r"\b(?:max(?:imum)?|model|input|total|prompt|context) token (?:limit|count|length)s?\b[^.]{0,20}",
            rf"\b{_EXCEED} (?:the |your |model |maximum |max |allowed |input |configured )*(?:number of )?(?:input )?tokens?\b",
            r"\b(?:reduce|shorten|truncate)\b[^.]{0,30}\b(?:length of (?:the|your)|prompt|messages|input|context|conversation)\b"
            r"(?![^.]{0,60}\b(?:rate|per minute|try again later)\b)",
            r"\btokens?\b[^.]{0,30} > \d+|\(\d+ tokens?\)[^.]{0,30}\bexceed",
            r"\bmax_(?:model_len|seq_len|total_tokens|position_embeddings|context_length)\b|\bn_ctx\b|\bnum_ctx\b",
            r"上下文(?:过长|太长|超|长度)|超出.{0,12}(?:上下文|最大长度|token|tokens)|(?:输入|提示词?|内容)(?:过长|太长)",
            r"コンテキスト.{0,12}(?:超え|超過|長すぎ)|컨텍스트.{0,12}(?:초과|길)",
            r"\bcontexte?\b[^.]{0,20}\b(?:trop long|dépass)|\bkontext\w*[^.]{0,20}(?:überschritten|zu lang)",
            r"\bcontexto\b[^.]{0,30}(?:excede|excedid|demasiado largo|muito longo)",
        ),
    ),
    (
        C.CONTENT_FILTER,
        (
            r"\bcontent[ _-](?:filter\w*|management|moderation)\b(?! (?:config|settings?|not))",
            r"\b(?:content|usage|safety|acceptable use)[ _](?:policy|policies|guidelines)\b",
            r"\b(?:violat\w+|against|flagged|rejected|blocked|refused|prohibited|disallowed)\b[^.]{0,50}"
            r"\b(?:polic(?:y|ies)|moderation|safety|guidelines|terms of (?:service|use)|guardrails?|harm\w*|unsafe|"
            r"inappropriate|sensitive|usage|filters?)\b",
            r"\b(?:safety|moderation|guardrail|responsible ai)\b[^.]{0,40}"
            r"\b(?:block(?:ed|s)?|flagged|reject(?:ed|s)?|violat\w+|filter(?:ed|s)?|triggered|interven\w+|settings|reasons?|system)\b",
            r"\b(?:inappropriate|sensitive|unsafe|harmful|prohibited|objectionable) (?:content|words|input|material|language|output)\b",
            r"\b(?:finish|stop|block|blocked?)[_ ]?reason\b[^a-z]{0,6}(?:is |was )?(?:\w+\.)?(?:safety|recitation|"
            r"prohibited_content|blocklist|spii|content_filter|image_safety|refusal)\b",
            r"\bprompt (?:was |has been |is )?(?:blocked|flagged|filtered)\b|敏感(?:内容|词)|内容安全|违规",
        ),
    ),
    (
        C.RATE_LIMIT,
        (
            r"\btoo many (?:\w+ )?(?:requests|concurrent|calls|connections)\b",
            r"\brate[ _-]?limit(?:s|ed|ing)?\b(?! (?:config|module|docs))",
            r"\brate (?:was )?exceeded\b|\bthrottl(?:ed|ing)\b|\bslow down\b",
            r"\b(?:requests?|concurrency|quota)(?: \w+)? limit (?:was |has been )?(?:reached|exceeded)\b|\bcooling down\b|\bcooldown\b",
            r"\bresource (?:has been |was )?exhausted\b|\bresource_exhausted\b",
            r"请求过于频繁|请求频率|频率限制|限流|访问量过大|并发(?:数|量)|レート制限|リクエストが多",
        ),
    ),
    (
        C.AUTH,
        (
            r"\bapi[ _-]?key\b[^.]{0,60}\b(?:(?:not|in|isn.t |not )?valid|invalid|incorrect|wrong|missing|required|expired|revoked|"
            r"not (?:found|set|provided|configured)|disabled|must be|denied|leaked|suspended|unauthorized)\b",
            r"\b(?:invalid|incorrect|wrong|missing|no|expired|provide|set|pass|bad|unknown|supply|malformed|"
            r"unauthorized|without|specify)\b[^.]{0,30}\b(?:api[ _-]?keys?|credentials?|auth(?:entication|orization)?"
            r"(?: header| token)?|access[ _-]token|bearer|oauth token|security token|"
            r"(?:api|hf|access|auth|session) token)\b",
            r"\b[a-z]+_(?:api_)?(?:key|token)\b[^.]{0,30}\b(?:environment variable|env var|(?:is |was )?not (?:set|found)|must be set|missing)\b",
            r"\b(?:un|not )(?:authenticated|authori[sz]ed)\b|\bunauthori[sz]ed\b|\bforbidden\b",
            r"\bauthentication\b[^.]{0,40}\b(?:fail\w*|required|error|invalid|denied|unsuccessful|header|parameter)\b|"
            r"\bfailed to authenticate\b|\bre-?authenticate\b|\bcould not (?:authenticate|resolve authentication)\b",
            r"\b(?:access|permission)s?\b(?: is| was| to [^.]{1,60})? denied\b|\bdenied access\b|\baccess to [^.]{1,80}\bdenied\b",
            r"\b(?:insufficient|missing|lacks?|without|no|not have|n.t have)\b(?: \w+){0,3} (?:permissions?|privileges?|scopes?|access\b(?! to the internet))",
            r"\b(?:token|credentials?|session|signature|certificate)\b(?: \w+){0,4} (?:expired|invalid|revoked|refresh failed|could not be)\b",
            r"\b(?:token|credential)s? (?:has |have |is |included in the request is |provided is )?(?:expired|invalid|revoked)\b",
            r"\b(?:unable to locate|failed to refresh|could not (?:find|load|refresh)|failed to (?:get|load|obtain))\b[^.]{0,30}\b(?:credentials?|token)\b",
            r"\b(?:account|organi[sz]ation|workspace|user|project)\b[^.]{0,30}\b(?:deactivated|disabled|suspended|banned|restricted|terminated|not a member)\b",
            r"\b(?:country|region|location|territory)\b[^.]{0,40}\bnot (?:supported|available|allowed)\b[^.]{0,20}\b(?:api|use|access)\b|"
            r"\buser location is not supported\b",
            r"\bmust be (?:verified|logged in|authenticated)\b|\bnot logged in\b|\blogin required\b|\bplease log ?in\b",
            r"\bssoe?\b[^.]{0,30}\bexpired\b|无效的(?:令牌|api|密钥)|鉴权|认证失败|身份验证|令牌(?:已过期|无效)|密钥(?:无效|错误)",
        ),
    ),
    (
        C.CONNECTION_ERROR,
        (
            r"\bconnection (?:was |has been |is )?(?:aborted|refused|reset|closed|broken|lost|terminated|dropped|error|failed|interrupted)\b",
            r"\bconnection broken by\b(?!.{0,40}read ?timed? ?out)(?!.{0,20}readtimeout)",
            r"\b(?:econn\w+|epipe|enotfound|ehostunreach|enetunreach|eai_again|ehostdown|enetdown|etimedout|eaddr\w+)\b",
            r"\b(?:failed to (?:establish|connect|resolve|open)|could not (?:connect|resolve)|cannot connect|can.t connect|"
            r"couldn.t connect|unable to (?:connect|resolve|reach))\b",
            r"\b(?:name or service not known|nodename nor servname|name resolution|getaddrinfo|no address associated)\b",
            r"\b(?:socket hang up|broken pipe|network is unreachable|no route to host|network (?:error|failure)|fetch failed)\b",
            r"\bssl\w*[^.]{0,30}(?:error|eof|alert|handshake|fail\w*|unexpected)|\btls\b[^.]{0,30}\b(?:handshake|alert|error|fail\w*)\b|"
            r"\bcertificate verify failed\b|unexpected[_ ]eof",
            r"\b(?:server|peer|remote end|remote host|host)\b[^.]{0,20}\b(?:disconnected|closed (?:the )?connection|hung up)\b|\bremotedisconnected\b",
            r"\bincomplete (?:chunked )?read\b|\bincompleteread\b|\bresponse ended prematurely\b|\bpayload (?:is )?not completed?\b|"
            r"\b(?:stream|connection) (?:\w+ )?(?:closed|ended|terminated|reset|disconnected)\b[^.]{0,40}\b(?:before|unexpected\w*|premature\w*|without|by)\b|"
            r"\bpremature(?:ly)? (?:close|end\w*|eof)\b|\bhttp/?2\b[^.]{0,30}\b(?:goaway|stream)\b",
            r"\b(?:failed|error)\b[^.]{0,10} (?:during|while) (?:streaming|reading the stream)\b",
            r"\[errno -?\d+\] (?:connection|name|temporary|network|no route)|\bproxy (?:error|connection)\b|\bremote protocol error\b",
        ),
    ),
    (
        C.TIMEOUT,
        (
            r"\btim(?:ed|es|ing)[ -]?out\b|\bdeadline (?:was |has been )?(?:exceeded|expired)\b|\bdeadline_exceeded\b",
            r"\b(?:read|request|connect\w*|gateway|operation|idle|socket|response|stream|model|api|server)[ _-]?timeout\b",
            r"\btimeout(?:error| error)?\b[^.]{0,20}\b(?:after|exceeded|expired|reached|occurred|waiting|error|of|while)\b|"
            r"\btook too long\b|超时|タイムアウト|시간 초과",
        ),
    ),
    (
        C.MALFORMED_OUTPUT,
        (
            r"\b(?:expecting (?:value|property name|',' delimiter|':' delimiter)|extra data|unterminated string|"
            r"invalid (?:control character|\\\\?escape))\b",
            r"\bline \d+ column \d+ \(char \d+\)",
            r"\b(?:unexpected (?:token|end of (?:json|input|data))|invalid json|json (?:parse|parsing|decode|syntax) ?error|not valid json|"
            r"malformed json|json\.parse|bad (?:control|escaped) character)\b",
            r"\b(?:fail(?:ed|ure)|unable|could not|cannot|couldn.t|error|errors)\b[^.]{0,20}\b(?:pars\w+|decod\w+|deserializ\w+|valid(?:ate|ating))\b"
            r"[^.]{0,40}\b(?:output|response|json|completion|arguments|tool calls?|function calls?|llm|chunk|stream|answer|reply)\b",
            r"\b(?:model|llm|assistant|provider|agent)\b[^.]{0,30}\b(?:returned|produced|generated|gave|output|responded with)\b[^.]{0,30}"
            r"\b(?:empty|no (?:output|content|text|response|choices|message|tool)|invalid|malformed|unparse?able|unknown tool|bad|incomplete)\b",
            r"\b(?:empty|no|malformed|invalid|truncated|incomplete|unexpected)\b (?:\w+ )?(?:model |llm |tool |function |assistant |api )?"
            r"(?:response|output|completion|tool[ _]calls?|function[ _]calls?|choices|json|chunk|reply|stream)\b"
            r"(?! (?:was |were )?(?:specified|provided|type|schema|modalit))",
            r"\b(?:tool|function)[ _]call (?:validation|arguments?)\b[^.]{0,30}\b(?:failed|invalid|malformed|not valid|did not match)",
            r"\b(?:output|response|result|stream)\b[^.]{0,20}\b(?:did not match|does not match|does not conform|failed validation|validation failed)|"
            r"\b(?:output|result) validation\b|\binvalid sequence as part of\b",
            r"\b\d+ validation errors? for\b|\bmalformed[_ ]function[_ ]call\b|\bstream error\b|"
            r"\bstream\b[^.]{0,20}\b(?:malformed|corrupt\w*)\b|\b(?:messages?|responses?)\b[^.]{0,10}\bempty\b[^.]{0,20}\bmodel\b",
        ),
    ),
    (
        C.PROVIDER_UNAVAILABLE,
        (
            r"\boverload(?:ed|ing)?\b|\b(?:at|over|out of|no|insufficient|exceeded|limited) (?:\w+ )?capacity\b|\bcapacity (?:constraints?|exceeded|limits?)\b",
            r"\b(?:service|server|model|provider|engine|endpoint|backend|api|upstream)s?\b[^.]{0,20}\b(?:is |are |was )?(?:temporarily |currently )*"
            r"(?:unavailable|not (?:available|ready)|down|busy|loading|offline|unhealthy|unreachable)\b(?! in your)",
            r"\b(?:service|temporarily|currently) unavailable\b|\bbad gateway\b|\bgateway time-?out\b|\bno healthy upstream\b|\bhigh (?:demand|load|traffic)\b",
            r"\binternal (?:server )?(?:error|failure)\b|\bserver (?:had an |side )?error\b|\bunexpected error\b[^.]{0,40}\b(?:processing|server)\b",
            r"\b(?:upstream|provider|backend)\b[^.]{0,15}\b(?:error|connect|fail\w*|returned error)\b|\b(?:cold start|still loading|warming up|maintenance)\b",
            r"\bsomething went wrong\b|\bno (?:available|instances?|healthy|active|allowed)\b[^.]{0,25}\b(?:providers?|instances?|channels?|endpoints?|workers?|deployments?)\b|"
            r"\b(?:cloudflare|web server)\b[^.]{0,20}\b(?:error|down|unknown)\b|服务(?:器)?(?:繁忙|不可用|异常)|系统繁忙|过载|内部错误",
        ),
    ),
    (
        C.LIMIT_REACHED,
        (
            r"\b(?:max(?:imum)?|iteration|recursion|step|turn|round)s?\b[^.]{0,30}\b(?:iterations?|steps?|turns?|rounds?|recursion|limit|tool calls?)\b"
            r"[^.]{0,40}\b(?:reached|exceed(?:ed|s)?|hit)\b",
            r"\b(?:reached|exceed(?:ed|s|ing)?|hit|stopped due to)\b[^.]{0,20}\b(?:max(?:imum)?(?: number of)?|the)? ?(?:agent )?[^.]{0,12}"
            r"\b(?:iterations?|steps?|turns?|rounds?|recursion|tool calls?|(?:request|iteration|time|cost|budget|step|turn)[ _]limit)\b",
            r"\b(?:recursion|iteration|step|turn|request|cost|budget)[ _]limit of\b|\bmax_(?:iterations|steps|turns|rounds)\b|"
            r"\bbudget (?:has been |was )?exceeded\b",
        ),
    ),
    (
        C.INVALID_REQUEST,
        (
            r"\b(?:model|deployment|endpoint|resource|engine)\b[^.]{0,80}\b(?:(?:does not|doesn.t|not) (?:exist|found|support\w*|available)|was removed|"
            r"deprecated|decommissioned|unknown|retired|invalid)\b",
            r"\b(?:unknown|no such|unsupported|invalid|nonexistent) (?:model|deployment|engine|provider|endpoint|role|tool|message|parameter|argument|"
            r"value|type|format|schema|field|property|request|image|file|user message|url|path|input|option|header|mime)\b",
            r"\b(?:is|are|was|does|do)(?:n.t| not) (?:a )?(?:supported?|permitted|allowed|recogni[sz]ed|compatible|valid)\b|\bnot supported\b|\bunsupported\b",
            r"\b(?:field|parameter|argument|property|value|key)s?\b[^.]{0,40}\b(?:required|missing|invalid|not (?:valid|allowed)|must)\b|\bextraneous key\b|"
            r"\bmissing (?:required )?(?:field|parameter|argument|property)",
            r"\bvalidation error\b|\bbad request\b|\binvalid (?:request|argument|parameter|value)\b|\bmalformed (?:request|input)\b|\bmust (?:be|have|contain|include)\b|"
            r"\bshould (?:be|not be) (?:a|an|one|at|in|less|greater)\b|\btoo (?:long|small|short|large)\b|\bexceeds? (?:\w+ )?(?:limit|maximum|max)\b|\bis mandatory\b",
            r"\b(?:schema|tool|function|parameter|argument|message|param|payload)s?\b[^.]{0,50}\binvalid\b|\bunprocessable\b",
        ),
    ),
)

_FAILING: Final = re.compile(
    r"\b(?:errors?|fail(?:s|ed|ure|ures)?|exceptions?|cannot|can.t|could ?n.t|could not|unable|invalid|denied|refused|"
    r"unexpected|missing|illegal|crash\w*|abort\w*|fatal|panic|broken|corrupt\w*|unsupported|rejected|not (?:found|allowed|"
    r"supported|valid|available|exist|permitted)|does not|unknown|unhandled|traceback|timeout|timed out|overflow|wrong|boom|bad|"
    r"unavailable|exhausted|too (?:many|long|large)|stopp?ed|killed|lost|limit)\b|错误|失败|异常|エラー|오류",
)
_DENIAL: Final = re.compile(
    r"\b(?:not|no|without|isn.t|never)\b(?: an?| any| the)? (?:[\w/-]+ ){0,4}(?:errors?|failures?|problems?|issues?)\b"
)
_TALK: Final = re.compile(
    r"^\s*(?:let.?s|let me|i.ll|i will|we (?:should|need|can)|here(?:.s| is)|fixed|resolved|closes?|implemented|added|please review|summary|todo)\b"
)
_URL: Final = re.compile(r"\b(?:https?|wss?|grpc)://[^\s'\"<>)\]}]+", re.IGNORECASE)
_MARKUP: Final = re.compile(
    r"<(?:style|script)\b.*?</(?:style|script)>|<[^>]{1,200}>", re.IGNORECASE | re.DOTALL
)
_QUOTED: Final = re.compile(r"(?<!\w)(['\"`])(?:(?!\1).){0,2000}\1(?!\w)")


@cache
def _compiled() -> tuple[tuple[C, re.Pattern[str]], ...]:
    """Compiled on the first failure, not on import."""
    return tuple((category, re.compile("|".join(parts))) for category, parts in _RULES)


def without_noise(text: str, *, echoes: bool = False) -> str:
    """The text in lower case with neither addresses nor markup: both are full of words that mean nothing
    here. With `echoes`, quoted parts go too (an error of local code quotes the input that it disliked)."""
    text = _MARKUP.sub(" ", _URL.sub(" ", text))
    if echoes:
        text = _QUOTED.sub(" ", text)
    return " ".join(text.lower().split())


def says(text: str, among: Collection[C] | None = None) -> tuple[C, str] | None:
    """The category that the words speak of, with the words; only categories in `among` count, if given.

    `text` comes from `without_noise`.
    """
    if _TALK.match(text):
        return None
    text = _DENIAL.sub(" ", text)
    for category, pattern in _compiled():
        if (among is None or category in among) and (found := pattern.search(text)):
            return category, found.group()
    return None


def sounds_like_failure(text: str) -> bool:
    """False for prose in which nothing goes wrong: a report that counts 402 records is no error."""
    return not _TALK.match(text) and bool(_FAILING.search(_DENIAL.sub(" ", text))) or len(text.split()) < 3
