"""Policies: conditions, the engine, and the same as data."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.budget_limits import Limits
from holdfast.core.policy import (
    AgentFailed,
    AllAgentsComplete,
    And,
    CostExceeded,
    GateBelow,
    Not,
    Or,
    PhaseCompleted,
    PhaseContext,
    PolicyAction,
    PolicyActionData,
    PolicyCondition,
    PolicyConditionError,
    PolicyEngine,
    PolicyRule,
    QualityAt,
    RetryExhausted,
    TimedOut,
)
from holdfast.core.policy_data import Policy, dump_policy, load_policy
from holdfast.core.quality import QualityLevel
from holdfast.errors import InvalidInputError

NOTIFY = PolicyActionData(PolicyAction.NOTIFY, {"channel": "ops"})
ABORT = PolicyActionData(PolicyAction.ABORT_PHASE)


class Custom(PolicyCondition):
    """A condition of a user."""

    def __init__(self, phase: str) -> None:
        self.phase = phase

    def matches(self, ctx: PhaseContext) -> bool:
        if not ctx.phase:
            raise LookupError("no phase")
        return ctx.phase == self.phase


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        (And([]), PhaseContext(), True),
        (Or([]), PhaseContext(), False),
        (And([PhaseCompleted(), TimedOut(1)]), PhaseContext(phase_completed=True), False),
        (Or([PhaseCompleted(), TimedOut(1)]), PhaseContext(phase_completed=True), True),
        (Not(PhaseCompleted()), PhaseContext(), True),
        (QualityAt(QualityLevel.STRICT), PhaseContext(quality_level=QualityLevel.RELEASE), True),
        (QualityAt(QualityLevel.STRICT), PhaseContext(quality_level=QualityLevel.STANDARD), False),
        (QualityAt(QualityLevel.MINIMAL), PhaseContext(), False),
        (AgentFailed(), PhaseContext(failed_roles={"a"}), True),
        (AgentFailed("b"), PhaseContext(failed_roles={"a"}), False),
        (GateBelow(0.5), PhaseContext(gate_score=0.5), False),
        (GateBelow(0.5), PhaseContext(gate_score=0.49), True),
        (RetryExhausted(), PhaseContext(retry_exhausted_scenarios={"llm_error"}), True),
        (RetryExhausted("llm_timeout"), PhaseContext(retry_exhausted_scenarios={"llm_error"}), False),
        (TimedOut(10), PhaseContext(elapsed_seconds=10), False),
        (TimedOut(10), PhaseContext(elapsed_seconds=10.01), True),
        (CostExceeded(1.0), PhaseContext(total_cost_usd=1.0), False),
        (CostExceeded(1.0), PhaseContext(total_cost_usd=1.01), True),
        (
            AllAgentsComplete(),
            PhaseContext(completed_roles={"a"}, failed_roles={"b"}, all_roles={"a", "b"}),
            True,
        ),
        (AllAgentsComplete(), PhaseContext(completed_roles={"a"}, all_roles={"a", "b"}), False),
        (And([Custom("build"), Not(Or([]))]), PhaseContext(phase="build"), True),
    ],
)
def test_conditions(condition: PolicyCondition, context: PhaseContext, expected: bool) -> None:
    """Each condition, at its edges: strictly greater, strictly less, none of nothing, own ones among them."""
    assert condition.matches(context) is expected


def test_every_rule_that_matches_contributes_in_order_of_priority() -> None:
    """Lower first, equals as given, and all of them."""
    rules = [
        PolicyRule("last", PhaseCompleted(), [ABORT], priority=90),
        PolicyRule("first", PhaseCompleted(), [NOTIFY, ABORT], priority=1),
        PolicyRule("never", TimedOut(1), [NOTIFY]),
        PolicyRule("middle", Custom("build"), [NOTIFY]),
    ]
    engine = PolicyEngine(rules)
    context = PhaseContext(phase="build", phase_completed=True)
    assert engine.evaluate(context) == [NOTIFY, ABORT, NOTIFY, ABORT]
    assert [rule.name for rule in engine.matching(context)] == ["first", "middle", "last"]
    assert [rule.name for rule in engine.rules] == ["first", "never", "middle", "last"]
    assert NOTIFY.to_dict() == {"action": "notify", "params": {"channel": "ops"}}
    assert ABORT.to_dict() == {"action": "abort_phase"}


def test_a_condition_that_raises_is_an_error_of_its_rule() -> None:
    """Neither skipped nor taken for a match."""
    with pytest.raises(PolicyConditionError, match="broken") as caught:
        PolicyEngine([PolicyRule("broken", Custom("x"), [ABORT])]).evaluate(PhaseContext())
    assert (caught.value.rule, type(caught.value.__cause__)) == ("broken", LookupError)
    with pytest.raises(PolicyConditionError, match="PolicyCondition"):
        PolicyEngine([PolicyRule("bare", PolicyCondition(), [])]).evaluate(PhaseContext())


@pytest.mark.parametrize(
    "make",
    [
        lambda: TimedOut(-1),
        lambda: CostExceeded(math.nan),
        lambda: GateBelow(math.inf),
        lambda: CostExceeded(-0.5),
    ],
)
def test_thresholds_that_cannot_be_compared_with_are_refused(make: object) -> None:
    """At construction, by name."""
    with pytest.raises(InvalidInputError):
        make()  # type: ignore[operator]


def test_two_rules_of_one_name_are_refused() -> None:
    """A decision is told by the name of its rule."""
    with pytest.raises(InvalidInputError, match="twin"):
        PolicyEngine([PolicyRule("twin", PhaseCompleted(), []), PolicyRule("twin", PhaseCompleted(), [])])


numbers = st.floats(0, 1e6, allow_nan=False)
conditions = st.recursive(
    st.one_of(
        st.builds(QualityAt, st.sampled_from(QualityLevel)),
        st.just(PhaseCompleted()),
        st.builds(AgentFailed, st.none() | st.text(max_size=5)),
        st.builds(GateBelow, numbers),
        st.builds(RetryExhausted, st.none() | st.text(max_size=5)),
        st.builds(TimedOut, numbers),
        st.just(AllAgentsComplete()),
        st.builds(CostExceeded, numbers),
    ),
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3)),
        st.builds(Or, st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)
printable = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn")), max_size=8)
actions = st.builds(
    PolicyActionData,
    st.sampled_from(PolicyAction),
    st.none() | st.dictionaries(printable, st.integers() | printable | st.booleans() | st.none(), max_size=3),
)
policies = st.builds(
    lambda rules, limits: Policy(
        rules=[PolicyRule(f"r{n}", *rule) for n, rule in enumerate(rules)], limits=limits
    ),
    st.lists(st.tuples(conditions, st.lists(actions, max_size=2), st.integers(0, 100)), max_size=3),
    st.builds(
        Limits, usd=st.none() | numbers, turns=st.none() | st.integers(0, 99), seconds=st.none() | numbers
    ),
)


@given(policies, st.sampled_from(["yaml", "json"]))
def test_a_policy_survives_its_file(policy: Policy, form: str) -> None:
    """What was saved is loaded equal, in both formats."""
    assert load_policy(dump_policy(policy, form), form) == policy  # type: ignore[arg-type]


YAML = """\
rules:
  - name: too-dear
    priority: 10
    condition:
      type: and
      conditions:
        - {type: cost_exceeded, budget_usd: 5}
        - type: quality_at
          level: strict
    actions:
      - {action: abort_phase, params: {why: money}}
limits:
  usd: 5
  turns: 40
"""


def test_the_same_engine_runs_both_forms() -> None:
    """A policy from a file and one written in Python are equal and decide alike."""
    policy = load_policy(YAML)
    rule = PolicyRule(
        "too-dear",
        And([CostExceeded(5.0), QualityAt(QualityLevel.STRICT)]),
        [PolicyActionData(PolicyAction.ABORT_PHASE, {"why": "money"})],
        10,
    )
    assert policy == Policy(rules=[rule], limits=Limits(usd=5.0, turns=40))
    context = PhaseContext(total_cost_usd=6, quality_level=QualityLevel.RELEASE)
    assert policy.engine().evaluate(context) == PolicyEngine([rule]).evaluate(context) != []


@pytest.mark.parametrize(
    ("old", "new", "field", "line"),
    [
        ("budget_usd: 5", "budget_usd: dear", "rules[0].condition.conditions[0].budget_usd", 7),
        ("budget_usd: 5", "budget_usd: -5", "rules[0].condition.conditions[0].budget_usd", 7),
        ("budget_usd: 5", "budget: 5", "rules[0].condition.conditions[0].budget", 7),
        ("cost_exceeded", "cost_exceded", "rules[0].condition.conditions[0].type", 7),
        ("level: strict", "level: harsh", "rules[0].condition.conditions[1].level", 9),
        ("abort_phase", "abort", "rules[0].actions[0].action", 11),
        ("usd: 5\n", "usd: -1\n", "limits.usd", 13),
        ("turns: 40", "turn: 40", "limits.turn", 14),
        ("- name: too-dear\n    priority", "- priority", "rules[0]", 2),
    ],
)
def test_errors_name_the_path_and_the_line(old: str, new: str, field: str, line: int) -> None:
    """What is wrong in a file is found by field path and line."""
    with pytest.raises(InvalidInputError) as caught:
        load_policy(YAML.replace(old, new))
    assert caught.value.field == field
    assert caught.value.problem.endswith(f"on line {line}")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("{", "json"),
        ("[1]", "json"),
        ("a: [", "yaml"),
        ("- 1", "yaml"),
        ("!!python/object:os.system {}", "yaml"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, form: str) -> None:
    """Broken text, other shapes, and YAML that would make objects."""
    with pytest.raises(InvalidInputError, match="policy"):
        load_policy(text, form)  # type: ignore[arg-type]


def test_an_empty_file_is_an_empty_policy() -> None:
    """No rules, no limits."""
    assert load_policy("") == load_policy("{}", "json") == Policy()


def test_a_condition_written_in_python_has_no_form_in_a_file() -> None:
    """Saving it says which rule has it, wherever it is nested."""
    policy = Policy(rules=[PolicyRule("mine", And([Custom("x")]), [])])
    with pytest.raises(InvalidInputError, match="mine"):
        dump_policy(policy)
