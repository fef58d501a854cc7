"""Budgets that hold while calls run side by side: what a call may take is reserved before it, settled after.

How far a budget can be overrun. A call is admitted only where what is spent, what calls in flight have
reserved and its own estimate together fit. From then on the sum changes only by the estimates' errors, so
what is spent never exceeds a limit by more than the sum, over the calls that were in flight together with
the last one admitted (itself included), of what each took beyond its estimate:

- estimates that are upper bounds: never;
- one call at a time: by at most that call's error, without an estimate by at most the call;
- n at a time without estimates: by at most n calls.

Spend that was never admitted (`charge`) is added as it comes. Turns and tool calls are exact: they count when
admitted, and `release` gives them back. Wall time stops the next call, not one in flight.

Nobody starves. Where money or tokens are only held by others, not spent, a call that gives `wake` waits its
turn: first come, first served among those that want the same budget. It is woken when it is admitted or when
its limit is truly spent. So a call is refused at zero spend only where its own estimate exceeds the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from threading import Lock

from holdfast.core.budget_account import Account, Amounts, amounts_of
from holdfast.core.budget_limits import BudgetNotice, LimitKind, LimitReached, Limits, Spend
from holdfast.errors import BudgetExceededError, InvalidInputError

__all__ = [
    "Budget",
    "BudgetExceededError",
    "BudgetNotice",
    "LimitKind",
    "LimitReached",
    "Limits",
    "Reservation",
    "ReservationState",
    "Spend",
]


class ReservationState(Enum):
    """Where a reservation is; the last three are final."""

    WAITING = auto()
    HELD = auto()
    REFUSED = auto()
    SETTLED = auto()
    RELEASED = auto()


class Reservation:
    """One call's claim on a budget and its parents: to be read, while `Budget.settle` and `Budget.release`
    change it. `refusal` says why where the state is REFUSED, and what is in the way where it is WAITING."""

    __slots__ = ("accounts", "asked", "refusal", "state", "wake")

    def __init__(
        self, accounts: tuple[Account, ...], asked: Amounts, wake: Callable[[], None] | None
    ) -> None:
        self.accounts = accounts
        self.asked = asked
        self.wake = wake
        self.state = ReservationState.WAITING
        self.refusal: LimitReached | None = None


class Budget:
    """Limits on money, tokens, turns, tool calls and wall time, for any number of sessions at once.

    A call that a child admits is counted in its parents too, and must fit in each of them. `now` is in
    seconds on one clock that does not run backwards. Threads and tasks may share a budget: nothing here
    waits, and `wake` is called with no lock held; it must not raise.

    Money cannot limit calls of unknown cost (`Spend(usd=None)`): what was reserved for one stays spent, and
    `unpriced` counts them. Limit tokens as well where that matters.
    """

    def __init__(
        self, limits: Limits | None = None, *, name: str = "budget", parent: Budget | None = None
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self.name = name
        self.account = Account(name, self.limits)
        self.accounts: tuple[Account, ...] = (self.account, *(parent.accounts if parent else ()))
        self.queue: _Queue = parent.queue if parent else _Queue()

    def child(self, limits: Limits | None = None, *, name: str = "budget") -> Budget:
        """A budget within this one."""
        return Budget(limits, name=name, parent=self)

    def start(self, now: float) -> None:
        """Start the wall time, here and in the parents, where it does not run yet. Any use does so too."""
        for account in self.accounts:
            if account.started is None:
                account.started = now

    def reserve(
        self, spend: Spend, now: float, wake: Callable[[], None] | None = None
    ) -> Reservation | LimitReached:
        """Claim `spend` (an estimate in money and tokens, exact in turns and tool calls) for a call to come.

        With `wake` the answer may be a reservation that is WAITING: `wake` is called once, from whatever
        thread made room, when it has become HELD or REFUSED. Without `wake`, no room now is a refusal. Each
        reservation that is not refused must come back through `settle` or `release`.
        """
        if spend.usd is None:
            raise InvalidInputError("usd", "is None", "an estimate is a number; give 0 where there is none")
        reservation = Reservation(self.accounts, amounts_of(spend), wake)
        with self.queue.lock:
            self.start(now)
            woken = self.queue.enter(reservation, now)
        if woken:
            _wake(woken, but=reservation)
        if reservation.state is ReservationState.REFUSED and reservation.refusal is not None:
            return reservation.refusal
        return reservation

    def settle(self, reservation: Reservation, actual: Spend, now: float) -> tuple[BudgetNotice, ...]:
        """The call ended and took `actual`, whose turns and tool calls are ignored: they were counted when it
        was admitted. Settling again, or what is not held, changes nothing."""
        with self.queue.lock:
            if reservation.state is not ReservationState.HELD:
                return ()
            reservation.state = ReservationState.SETTLED
            amounts, priced = amounts_of(actual), actual.usd is not None
            for account in reservation.accounts:
                account.settle(reservation.asked, amounts, priced)
            notices, woken = self._after(now)
        if woken:
            _wake(woken)
        return notices

    def release(self, reservation: Reservation, now: float) -> None:
        """The call did not happen, or nobody waits for it any more: all of the claim is given back. On a
        reservation in a final state this changes nothing."""
        with self.queue.lock:
            if reservation.state is ReservationState.HELD:
                for account in reservation.accounts:
                    account.hold(reservation.asked, -1)
            elif reservation.state is ReservationState.WAITING:
                self.queue.leave(reservation)
            else:
                return
            reservation.state = ReservationState.RELEASED
            _, woken = self._after(now)
        _wake(woken)

    def charge(self, spend: Spend, now: float) -> tuple[BudgetNotice, ...]:
        """Add what was spent without a reservation, whether or not it fits."""
        with self.queue.lock:
            self.start(now)
            amounts, priced = amounts_of(spend), spend.usd is not None
            for account in self.accounts:
                account.charge(amounts, priced)
            notices, woken = self._after(now)
        _wake(woken)
        return notices

    def check(self, now: float) -> LimitReached | None:
        """The limit, if there is one, that no further model call can meet."""
        with self.queue.lock:
            return _spent_out(self.accounts, amounts_of(Spend(turns=1)), now)

    def used(self, kind: LimitKind, now: float) -> float:
        """What is spent, without what is held; for seconds, the time since the start."""
        return self.account.used(kind, now)

    def left(self, kind: LimitKind, now: float) -> float | None:
        """What may still be spent here and in every parent, never below 0; None where nothing limits it."""
        rooms = [
            max(0.0, limit - account.used(kind, now))
            for account in self.accounts
            if (limit := account.limits.of(kind)) is not None
        ]
        return min(rooms, default=None)

    @property
    def unpriced(self) -> int:
        """How many calls ended with an unknown cost."""
        return self.account.unpriced

    def _after(self, now: float) -> tuple[tuple[BudgetNotice, ...], list[Reservation]]:
        notices: tuple[BudgetNotice, ...] = ()
        for account in self.accounts:
            notices += account.notices(now)
        return notices, self.queue.admit(now)


class _Queue:
    """Who waits, over a budget and all its children, and the lock over all their sums."""

    __slots__ = ("_waiting", "lock")

    def __init__(self) -> None:
        self.lock = Lock()
        self._waiting: list[Reservation] = []

    def enter(self, newcomer: Reservation, now: float) -> list[Reservation]:
        """Decide about a newcomer, behind all who wait; one that has no `wake` does not stay."""
        woken: list[Reservation] = []
        if not self._waiting:
            _decide(newcomer, {}, now)
        if newcomer.state is ReservationState.WAITING:
            self._waiting.append(newcomer)
            woken = self.admit(now)
        if newcomer.state is ReservationState.WAITING and newcomer.wake is None:
            self.leave(newcomer)
            newcomer.state = ReservationState.REFUSED
        return woken

    def leave(self, reservation: Reservation) -> None:
        self._waiting.remove(reservation)

    def admit(self, now: float) -> list[Reservation]:
        """Admit or refuse whom the sums now allow, in order; returns those whose waiting is over.

        Nobody takes room in an account that someone before him waits for: else a large claim would wait for
        ever behind small ones.
        """
        if not self._waiting:
            return []
        over: list[Reservation] = []
        wanted: dict[int, LimitReached] = {}
        for reservation in self._waiting:
            _decide(reservation, wanted, now)
            if reservation.state is not ReservationState.WAITING:
                over.append(reservation)
        if over:
            self._waiting = [item for item in self._waiting if item.state is ReservationState.WAITING]
        return over


def _decide(reservation: Reservation, wanted: dict[int, LimitReached], now: float) -> None:
    """Refuse, leave waiting, or hold; `wanted` are the accounts that those before it wait for."""
    accounts, asked = reservation.accounts, reservation.asked
    if not wanted and _room_in_all(accounts, asked, now):
        _hold(reservation)
        return
    reservation.refusal = _spent_out(accounts, asked, now)
    if reservation.refusal is not None:
        reservation.state = ReservationState.REFUSED
        return
    reservation.refusal = _in_the_way(reservation, wanted)
    if reservation.refusal is None:
        _hold(reservation)


def _hold(reservation: Reservation) -> None:
    reservation.refusal = None
    reservation.state = ReservationState.HELD
    for account in reservation.accounts:
        account.hold(reservation.asked)


def _room_in_all(accounts: tuple[Account, ...], asked: Amounts, now: float) -> bool:
    for account in accounts:  # noqa: SIM110 - a generator would cost as much as the rest of it
        if not account.has_room(asked, now):
            return False
    return True


def _spent_out(accounts: tuple[Account, ...], asked: Amounts, now: float) -> LimitReached | None:
    for account in accounts:
        reached = account.spent_out(asked, now)
        if reached is not None:
            return reached
    return None


def _in_the_way(reservation: Reservation, wanted: dict[int, LimitReached]) -> LimitReached | None:
    for account in reservation.accounts:
        before = wanted.get(id(account))
        if before is not None:
            return before
        reached = account.full(reservation.asked)
        if reached is not None:
            wanted[id(account)] = reached
            return reached
    return None


def _wake(reservations: list[Reservation], but: Reservation | None = None) -> None:
    for reservation in reservations:
        if reservation is not but and reservation.wake is not None:
            reservation.wake()
