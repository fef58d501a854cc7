# ruff: noqa: E501  # one phrase a line
"""What providers say, by category: the phrases that `words` looks for, in its normal form.

One phrase a line, a regular expression over whole words of the normal form (lower case, `_` and `-` are
spaces, "n't" is " not", no addresses, no markup). `~` is a gap within the sentence. `{names}` stand for the
parts below.

Phrases say *what* and *what is wrong with it*, never the first alone: a text that mentions a context window
is no overflow. The order of the groups matters, the first that matches wins. `EXACT` phrases may correct what
a status or a class says; `LOOSE` ones are too weak for that, and count only where nothing else is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from holdfast.wire.vocabulary import FailureCategory as C

__all__ = ["ADVICE", "DENIED", "EXACT", "FAILING", "FOREIGN", "LOOSE", "PARTS", "PHRASES", "TALK"]

EXACT: Final = True
LOOSE: Final = False

PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "over": r"(?:exceed(?:s|ed|ing)?|surpass(?:es|ed)?|over|above|beyond|(?:greater|larger|longer|more|higher) than|does not fit)",
        "input": r"(?:prompts?|inputs?|context|conversations?|messages?|history|requests?|sequences?|queries|query|documents?|transcripts?)",
        "window": r"(?:context(?: (?:length|window|size|limit|budget))?)",
        "is": r"(?:(?:is|are|was|were|has been|have been|had been|been|has|have|became|becomes|grew|(?:has |have )?(?:grown|become|gotten)|appears to be|seems to be) )?",
        "per": r"(?:(?:per|a|each|/) ?(?:seconds?|minutes?|min|hours?|days?|weeks?|month)|[rt]p[mdhs]|daily|today|tomorrow)",
        "money": r"(?:balances?|credits?|funds?|quotas?|allowances?|points|allocations?)",
        "key": r"(?:api keys?|api tokens?|credentials?|access keys?|access tokens?|auth tokens?|oauth tokens?|security tokens?|"
        r"session tokens?|bearer tokens?|refresh tokens?|jwt|secret keys?|subscription keys?|authentication|authorization)",
        "wrong": r"(?:invalid|incorrect|wrong|missing|bad|expired|revoked|unknown|unauthorized|malformed|disabled|denied|leaked|stale)",
        "breach": r"(?:violat\w+|flagged|blocked|refused|rejected|prohibited|disallowed|filtered|triggered|intervened|against|declined)",
        "rules": r"(?:polic(?:y|ies)|moderation|safety|guidelines|terms of (?:service|use)|guardrails?|harm\w*|unsafe|filters?|filtering|"
        r"inappropriate|sensitive|responsible ai|jailbreak|sexual|violence|hate)",
        "service": r"(?:service|server|model|provider|engine|endpoint|backend|api|upstream|system|deployment|cluster)s?",
        "answer": r"(?:outputs?|responses?|repl(?:y|ies)|completions?|answers?|json|tool calls?|function calls?|arguments|chunks?|stream)",
    }
)

PHRASES: Final[tuple[tuple[C, bool, str], ...]] = (
    (
        C.RATE_LIMIT,  # a limit per minute or day, even where the sentence goes on about tokens or payment
        EXACT,
        r"""
        too many (?:input |output )?(?:tokens|requests) ~{per}
        too many tokens,? please (?:wait|slow|try)
        (?:rate|request|token|usage)s? (?:rate )?limits? ~{per}
        {per} ~rate limit
        rate ?limits? {is}(?:reached|exceeded|hit)
        (?:exceed(?:s|ed)?|reached|hit|over) (?:\S+ ){0,4}rate ?limits?
        quota exceeded for ~per ?(?:minute|second|day|min)
        resources? {is}exhausted
        """,
    ),
    (
        C.QUOTA_EXHAUSTED,
        EXACT,
        r"""
        insufficient (?!to\b|evidence\b)(?:\S+ ){0,5}?{money}
        {money} {is}(?:too low|insufficient|not enough|not sufficient|exhausted|depleted|used up|consumed|expired|negative|empty|zero)
        (?:credit|account|wallet|prepaid|api|remaining|current) balance ~(?:low|insufficient|not enough|negative|below|zero|exhausted)
        (?:exceed(?:s|ed|ing)?|reached|hit|used up|used all|exhausted|run out of|ran out of|consumed|out of|spent) (?:all )?(?:of )?(?:your|the|its|my|this|their|our|available|\S+'s)? ?(?:\S+ ){0,3}?(?:quotas?|usage limits?|spend limits?|spending limits?|spend cap|spending cap|credits?|monthly limit|weekly limit|free tier|free usage|free trial|hard limit|points|funds|balance|allowance|allocation)
        (?:usage|spend|spending|billing|monthly|weekly|subscription|plan|hard|cost|credit|account|free)(?: hard| usage| soft| spend| spending)? (?:limits?|caps?|quotas?) (?:of \S+ )?{is}(?:reached|exceeded|hit|exhausted)
        reach(?:ed|ing) ~(?:spend|spending|billing) (?:limit|cap)|failure to pay
        quotas? (?:limit )?{is}(?:exceeded|exhausted|reached|used up)
        (?:no|not enough|more|zero|any|without|sufficient|purchase|purchased|buy|add|need|low on|remaining|enough) (?:\S+ )?credits?(?! (?:were|was|will|are) )
        (?:no|not enough|zero|low) (?:account |remaining |available )?(?:balance|funds)
        can(?:not)? (?:only )?afford
        does not have (?:a |any )?free (?:quota|tier|plan)
        free (?:quota )?tier ~(?:exceeded|exhausted|not available|ended|expired|only)
        (?:free )?trial {is}(?:expired|ended|over)
        billing (?:details|account|hard limit|issue|is not|not active|not enabled|not set|has not|to be enabled|disabled|must be|cycle limit)
        (?:enable|activate|set ?up|check your|requires?|valid|without) (?:\S+ )?billing
        payment (?:is )?required|(?:add|update|valid|no|missing|set up) ~payment method|unpaid|past due|overdue|arrears|good standing
        (?:top up|recharge|replenish|refill)
        (?:upgrade|subscribe)\b ~(?:plan|subscription|tier)
        purchase (?:a|your)? ?(?:subscription|plan)
        (?:subscription|plan|membership|license|package) {is}(?:expired|ended|inactive|lapsed|suspended)
        specified api usage limits|limit: 0
        """,
    ),
    (
        C.CONTEXT_OVERFLOW,
        EXACT,
        r"""
        (?:maximum|max|maximal) (?:allowed |model |total |input )?(?:context (?:length|window|size)|prompt length|sequence length|input length|input tokens?|number of tokens) ~(?:is|of|exceeded|was|reached|limit)
        (?:model|models|model's|endpoint's|its) (?:maximum )?context (?:length|window|size) (?:is|of|limit of) (?:only )?\d
        {window} {is}(?:exceed(?:ed|s)?|overflow(?:ed|s)|too (?:long|large|big)|reached|full|exhausted)
        {over} ~context (?:length|window|size|limit|budget)
        larger than ~context
        (?:does not|not|cannot|will not) fit (?:in|into|within) ~(?:context|window|model)
        {input} {is}(?:far |way |much |simply )?too (?:long|large|big)(?! ~(?:bytes?|[kmg]i?b|pixels?|upload|maximum length \d+|characters))
        {input}(?: token| tokens| length| size| token count| text)*\b ~{over} ~(?:tokens?|context|model)
        (?:inputs?|prompt|total|number of|message|request) (?:\S+ )?tokens?(?: count)? ~(?:{over}|must not|must be|limit)
        (?:input|prompt|context) length (?:should|must|cannot|may not)
        too many (?:\S+ )?tokens(?! ~{per})
        tokens? (?:limit|count|length) {is}(?:exceed(?:ed|s)?|too (?:long|large|high))
        {over} (?:the |your |model'?s? |maximum |max |allowed |input |configured |total |supported )*(?:number of )?(?:input |prompt |context )?(?:tokens?|token (?:limit|count))(?! ~{per})
        (?:reduce|shorten|truncate|trim) (?:the |your )?(?:length of (?:the |your )?|size of (?:the |your )?)?(?:prompt|messages?|input|context|conversation|history)(?! length or the maximum tokens requested, or try)
        \d+ tokens? > \d+
        supports? (?:only |up to |at most |a maximum of )*\d+ tokens? ~(?:but|however|given|got|requested)
        {over} ~limit ~\d+ tokens?
        (?:max model len|max seq len|max position embeddings|n ctx|num ctx|max total tokens)
        """,
    ),
    (
        C.CONTENT_FILTER,
        EXACT,
        r"""
        content (?:filter(?:s|ed|ing)?|management|moderation)(?! (?:config|settings?|is not|not|must|param))
        (?:content|usage|safety|acceptable use|use case) (?:policy|policies|guidelines)
        {breach} ~{rules}
        (?:safety|moderation|guardrails?|responsible ai) ~(?:{breach}|system|reasons?|settings)
        (?:inappropriate|sensitive|unsafe|harmful|prohibited|objectionable|offensive) (?:content|words?|inputs?|material|language|outputs?|text)
        (?:finish|stop|block|blocked) reason\W{0,3}(?:is |was )?(?:safety|recitation|prohibited content|blocklist|spii|content filter|image safety|refusal|language)
        (?:prompt|input|output|response|content|request) {is}(?:blocked|flagged|filtered)
        """,
    ),
    (
        C.RATE_LIMIT,
        EXACT,
        r"""
        too many (?:\S+ )?(?:requests|calls|connections|concurrent)
        rate ?limit(?:ed|ing)|rate exceeded|throttl(?:ed|ing)
        (?:requests?|concurrency)(?: \S+)? limit {is}(?:reached|exceeded|hit)
        all credentials ~cooling down
        """,
    ),
    (
        C.AUTH,
        EXACT,
        r"""
        {key}\b ~(?:not valid|{wrong}|required|not (?:found|set|provided|configured|exist|supported|recognized|match)|must be|suspended|could not be|fail\w*|has expired)
        (?:{wrong}|no|provide|set|pass|supply|without|specify|need|check|verify) (?:a |an |the |your |any |valid |\S+ )?{key}
        (?:un|not )(?:authenticated|authori[sz]ed)
        illegal header value ~(?:bearer|key)
        (?:token|session|signature|login|credentials?) {is}(?:\S+ )?(?:expired|invalid|revoked|refresh failed)
        token (?:included in the request|provided|supplied|refresh|validation) ~(?:invalid|expired|failed|failure)
        failed to authenticate|re ?authenticate|could not (?:authenticate|resolve authentication)|login required|not logged in|(?:must|need to) be (?:logged|signed) in|please log ?in|sign in again
        (?:unable to locate|failed to (?:refresh|get|load|obtain)|could not (?:find|load|refresh)|cannot find) ~(?:credentials?|token)
        access (?:is |was )?denied|permission denied|denied access|access to ~denied
        (?:insufficient|missing|lacks?|without|no|not have|not have the) (?:\S+ ){0,3}?(?:permissions?|privileges?|scopes?)
        not have access
        (?:account|organi[sz]ation|workspace|user|project|key) {is}(?:\S+ )?(?:deactivated|disabled|suspended|banned|restricted|terminated|blocked)
        (?:must be a member|not a member|must be verified|user location is not supported)
        (?:country|region|location|territory) ~not supported
        """,
    ),
    (
        C.MALFORMED_OUTPUT,
        EXACT,
        r"""
        failed to (?:call a function|generate json|generate valid|parse tool|validate json|parse ~generated)
        (?:tool|function) call (?:validation|arguments? parsing) ~(?:failed|not match|invalid)
        (?:model|llm|assistant) (?:generated|produced|output|returned|responded with|gave) (?:an? )?(?:output |response )?(?:invalid|malformed|empty|no |unparse?able|incomplete|bad)
        model produced (?:an? )?invalid
        invalid sequence as part of
        malformed function call|malformed tool call
        """,
    ),
    (
        C.CONNECTION_ERROR,
        EXACT,
        r"""
        connection {is}(?:aborted|refused|reset|closed|broken|lost|terminated|dropped|error|failed|interrupted)(?! by 'read ?timeout)
        e(?:connreset|connrefused|connaborted|pipe|notfound|hostunreach|netunreach|ai again|hostdown|netdown|netreset|timedout|addrnotavail)
        (?:failed|unable) to (?:establish|connect|resolve|reach)|(?:could not|cannot) (?:connect|resolve|reach)
        (?:name or service not known|nodename nor servname|name resolution|getaddrinfo|no address associated)
        socket hang ?up|other side closed|broken pipe|network is unreachable|no route to host|network (?:error|failure)|fetch failed|network connection
        ssl: \S+|ssl(?:eof|zeroreturn|certverification)?error|unexpected eof|eof occurred|tls ~(?:handshake|alert|error|failed)|certificate verify failed|handshake failure
        (?:server|peer|remote end|remote host|host|client) (?:unexpectedly )?(?:disconnected|closed ~connection|hung up)|remotedisconnected
        incomplete (?:chunked )?read|incompleteread|response ended prematurely|payload is not completed|premature(?:ly)? (?:close|end\w*|eof)|goaway
        stream (?:\S+ )?(?:closed|ended|terminated|reset|disconnected|interrupted) ~(?:before|unexpected\w*|premature\w*|without|by)
        errno (?:54|60|61|101|104|110|111|113|8)\b
        """,
    ),
    (
        C.TIMEOUT,
        EXACT,
        r"""
        (?:tim(?:ed|es|ing) ?out|timeout)(?: \S+)? (?:after|waiting|while|exceeded|expired|error|of \d)|(?:request|read|operation|call|connection|stream|response|model|inference|generation) (?:has |was )?(?:tim(?:ed|es) ?out|timeout)
        deadline {is}(?:exceeded|expired)
        """,
    ),
    (
        C.TOOL_ERROR,
        LOOSE,
        r"""
        exit ?code:? [1-9]\d*|exited with ~(?:status|code)|traceback \(most recent call last|no such file or directory|command not found
        """,
    ),
    (
        C.CANCELLED,
        LOOSE,
        r"""
        (?:request|operation|stream|call|run|task|response|generation|user|execution) {is}(?:aborted|cancell?ed|interrupted)
        (?:aborted|cancell?ed|interrupted|stopped) by (?:the )?(?:user|caller|client|operator)
        client closed request|keyboard ?interrupt
        """,
    ),
    (
        C.RATE_LIMIT,
        LOOSE,
        r"""
        (?:^(?:\S+ ){0,3}|(?:api|model|provider|token|request|your|over|hit|the) )rate ?limits?(?:$| (?:error|for|of your|on requests|on tokens))|slow down|cooling down|cooldown|resource {is}exhausted|too many requests
        """,
    ),
    (
        C.AUTH,
        LOOSE,
        r"""
        unauthori[sz]ed|forbidden|authentication (?:\S+ )?(?:fail\w*|required|error)|(?:api )?(?:key|token) ~(?:environment variable|env var)
        """,
    ),
    (
        C.TIMEOUT,
        LOOSE,
        r"""
        tim(?:ed|es|ing) ?out|(?:read|request|connect\w*|gateway|operation|idle|socket|response|stream|model|api|server) ?timeout|^(?:\S+ )?timeout$|took too long|timeout (?:error|occurred|reached)|readtimeout\w*
        """,
    ),
    (
        C.MALFORMED_OUTPUT,
        LOOSE,
        r"""
        expecting (?:value|property name|',' delimiter|':' delimiter)|extra data: line|unterminated string|invalid (?:control character|\\?escape)|line \d+ column \d+ \(char \d+
        unexpected (?:token|end of (?:json|input|data|stream))|(?:invalid|not valid|malformed|bad|unparse?able|incomplete|truncated) json|json (?:parse|parsing|decode|decoding|syntax|validation) ?(?:error|failed)|json\.parse
        (?:fail(?:ed|ure)|unable|could not|cannot|errors?) (?:to |in |while |when )?(?:pars\w+|decod\w+|deseriali[sz]\w+|validat\w+) ~{answer}
        (?:{answer}|result) ~(?:could not be parsed|not match|not conform|not valid|failed validation|validation failed|is empty|was empty|malformed)
        (?:empty|no|malformed|invalid|truncated|incomplete|unexpected) (?:model |llm |assistant |api |message |text )?(?:responses?|outputs?|completions?|choices|content|tool calls?|function calls?|json|chunk|reply|stream)(?! (?:was |were )?(?:specified|provided|type|schema|modalit|filter|found for))
        (?:unknown|no such|nonexistent|unrecognized|undefined) (?:tool|function)(?: name| call|:)
        (?:output|result|response) validation|\d+ validation errors? for|stream error|stream ~(?:malformed|corrupt\w*|invalid)|parse error|parsing error|output parser
        """,
    ),
    (
        C.PROVIDER_UNAVAILABLE,
        LOOSE,
        r"""
        overload(?:ed|ing)?|(?:at|over|out of|no|insufficient|exceeded|limited) (?:\S+ )?capacity|capacity (?:constraints?|exceeded|limits?)
        {service} ~(?:temporarily |currently )*(?:unavailable|not ready|down|busy|loading|offline|unhealthy|unreachable|under maintenance)
        (?:service|temporarily|currently) (?:not )?(?:un)?available|bad gateway|gateway time ?out|no healthy upstream|high (?:demand|load|traffic)|try again later
        internal (?:server )?(?:error|failure)|server (?:had an |side )?error|(?:unexpected|unknown|internal) error ~(?:processing|server|occurred)
        (?:upstream|provider|backend|model provider) ~(?:error|connect|fail\w*)|cold start|still loading|warming up|maintenance|something went wrong
        too many 5\d\d (?:error )?responses
        error ~while processing (?:your |the )?request|retry your request
        no (?:available|instances?|healthy|active|allowed) ~(?:providers?|instances?|channels?|endpoints?|workers?|deployments?)|web server is (?:down|returning)
        """,
    ),
    (
        C.CONNECTION_ERROR,
        LOOSE,
        r"""
        (?:connection|network|ssl|tls|proxy|socket) ~(?:error|fail\w*|problem|issue|unavailable)|(?:failed|error|failure) (?:during|while|in) streaming|proxy error
        """,
    ),
    (
        C.LIMIT_REACHED,
        LOOSE,
        r"""
        (?:max(?:imum)?|iteration|recursion|step|turn|round)s? ~(?:iterations?|steps?|turns?|rounds?|recursion|limit|tool calls?|depth) ~(?:reached|exceed(?:ed|s)?|hit)
        (?:reached|exceed(?:ed|s|ing)?|hit|due to|after) ~(?:max(?:imum)?|limit of|the) ~(?:iterations?|steps?|turns?|rounds?|recursion|tool calls?|retries|request limit|iteration limit|time limit|cost limit|step limit)
        (?:recursion|iteration|step|turn|request|cost|budget) limit (?:of|reached|exceeded)|max (?:iterations|steps|turns|rounds)|budget {is}exceeded|stuck in a loop
        """,
    ),
    (
        C.INVALID_REQUEST,
        LOOSE,
        r"""
        (?:model|deployment|endpoint|resource|engine)s?\b ~(?:not (?:exist|found|support\w*|available)|was removed|deprecated|decommissioned|unknown|retired|invalid|too small)
        (?:unknown|no such|unsupported|invalid|nonexistent|missing) (?:\S+ )?(?:model|deployment|engine|provider|endpoint|role|tool|message|parameter|argument|value|type|format|schema|field|property|request|image|file|url|path|input|option|header|mime)
        (?:is|are|was|do|does) not (?:a )?(?:support(?:ed)?|permitted|allowed|recogni[sz]ed|compatible|valid)|not supported|unsupported
        (?:field|parameter|argument|property|value|key)s? ~(?:required|missing|invalid|not valid|not allowed|must)|extraneous key
        validation error|bad request|invalid request|malformed (?:request|input)|(?:must|should) (?:be|not|have|contain|include|match|alternate)|is mandatory|no endpoints found
        too (?:long|small|short|large)|{over} ~(?:limit|maximum|max|allowed)|unprocessable
        (?:schema|tool|function|parameter|argument|message|param|payload)s? ~invalid
        """,
    ),
)

FOREIGN: Final[tuple[tuple[C, str], ...]] = (
    (C.QUOTA_EXHAUSTED, "余额不足|额度不足|额度已|配额(?:不足|已|用)|欠费|充值|残高不足|クレジット不足|잔액"),
    (
        C.CONTEXT_OVERFLOW,
        "上下文.{0,6}(?:过长|太长|超)|超(?:出|过).{0,14}(?:上下文|最大长度|token|长度)|(?:输入|提示词?|内容|文本|请求).{0,4}(?:过长|太长|过大)",
    ),
    (
        C.CONTEXT_OVERFLOW,
        "コンテキスト.{0,12}(?:超|長)|컨텍스트.{0,12}(?:초과|길)|context(?:e|o).{0,24}(?:trop long|dépass|exced|demasiado|muito longo)|kontext.{0,24}(?:überschritten|zu lang)",
    ),
    (C.CONTENT_FILTER, "敏感(?:内容|词|信息)|内容安全|违规|不当内容|不安全内容"),
    (
        C.RATE_LIMIT,
        "过于频繁|频率(?:限制|超)|限流|访问量过大|并发.{0,4}(?:限|超|过)|请求(?:过多|次数)|速率限制|レート制限|リクエストが多|요청이 너무 많|速率超",
    ),
    (
        C.AUTH,
        "鉴权|认证失败|身份验证|(?:令牌|密钥|api ?key|token).{0,6}(?:无效|过期|错误|不正确)|无效的?(?:令牌|密钥|api)|未授权|无权|権限|認証|인증",
    ),
    (C.TIMEOUT, "超时|タイムアウト|시간 ?초과|délai dépassé|tiempo de espera"),
    (
        C.PROVIDER_UNAVAILABLE,
        "服务.{0,4}(?:繁忙|不可用|异常|错误)|系统(?:繁忙|错误|异常)|过载|内部错误|サーバー?(?:エラー|が混)|서버 오류|稍后(?:再试|重试)",
    ),
    (C.CONNECTION_ERROR, "连接(?:失败|被|超时|错误|中断)|网络(?:错误|异常)|接続"),
    (C.INVALID_REQUEST, "参数(?:错误|无效|不正确)|模型不存在|不支持|无效的?(?:请求|参数|模型)"),
)
"""Phrases of languages without spaces between words, and a few others: looked for anywhere."""

ADVICE: Final = (
    r"(?:please )?(?:contact|visit|see (?!also)|refer to|read (?:more|the|our|about)|learn more|for (?:more|details|further|help)|"
    r"go to|please go|head to|you (?:may|can) (?:also )?(?:contact|view|find|see|increase|request)|"
    r"please (?:add a payment|see|refer|visit)|if you (?:continue|believe|would|think|have)|check out|more info\w*)\b"
)
"""How sentences begin that give advice instead of saying what happened."""

TALK: Final = (
    r"\s*(?:let's|let me|i'll|i will|we (?:should|need|can(?!not)|discussed|talked|looked|investigated|agreed|reviewed)|sure|of course|"
    r"certainly|okay,|great,|thanks|thank you|here's|here is|fixed|fixes|resolved|closes?|implemented|added|refactor\w*|updated?|"
    r"investigat\w+|discuss\w*|(?:please )?explain\w*|how (?:do|to|can)|what is|summary|todo|please review|the user|"
    r"in this (?:chapter|section|article))\b"
)
"""How texts begin in which people or models talk about something."""

FAILING: Final = (
    r"\b(?:errors?|fail(?:s|ed|ing|ure|ures)?|exceptions?|cannot|could not|unable|invalid|denied|refused|unexpected|missing|illegal|"
    r"crash\w*|abort\w*|fatal|panic|broken|corrupt\w*|unsupported|rejected|not (?:found|allowed|supported|valid|available|exist|"
    r"permitted|set|ready|yet)|does not|did not|unknown|unhandled|traceback|timeout|timed out|overflow|wrong|boom|bad|unavailable|"
    r"exhausted|too (?:many|long|large)|killed|lost|oops|sorry|must|required|expected|interrupt\w*|violat\w*|exceed\w*)\b"
    r"|错误|失败|异常|エラー|오류"
)
"""Words of trouble: without one of them a text tells of no failure."""

DENIED: Final = r"\b(?:not|no|without|never)(?: an?| any| the)? (?:[\w/]+ ){0,4}?(?:errors?|failures?|problems?|issues?)\b"
"""Where a text says that something is not an error: taken out before anything is looked for."""
