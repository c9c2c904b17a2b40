"""A batch at the desk, in one unit of work: load and lock, decide in order of arrival, post in one statement."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from benefits.desk.deeds import Doing, do
from benefits.desk.errands import PointsErrand
from benefits.desk.load import load
from benefits.desk.post import Effects
from benefits.offers.cache import OfferCache
from benefits.rules import Rules
from marketplace.kernel.clock import Clock, Standing
from marketplace.kernel.refusals import Refusal
from marketplace.platform.batching.executor import Decided
from marketplace.platform.http.idempotency import Answers, Outcome
from marketplace.platform.postgres.database import UnitOfWork


class PointsDesk(msgspec.Struct, frozen=True):
    """How a batch of errands is decided; `number` is this process's, by which it prefers a slice of a hot offer's stock."""

    rules: Rules
    cache: OfferCache
    clock: Clock
    number: int = 0

    async def decide(self, work: UnitOfWork, errands: Sequence[PointsErrand]) -> Decided:
        """Decide the errands in their order: an outcome, or a refusal to raise, for each, and how to post it."""
        calendar = self.rules.calendar
        state, answers, now = await load(work, errands, self.cache, calendar, self.clock, self.number)
        doing = Doing(state, self.rules, now, Effects())
        results = [_answer(errand, doing, answers) for errand in errands]
        return Decided(results, lambda: doing.effects.post(work, state, now))

    async def take_at(
        self, work: UnitOfWork, errands: Sequence[PointsErrand], at: datetime
    ) -> Sequence[Outcome | Refusal]:
        """Decide and post as if it were that instant: for the demo's past, and tests."""
        decided = await PointsDesk(self.rules, self.cache, Standing(at), self.number).decide(work, errands)
        await decided.write()
        return decided.results


def _answer(errand: PointsErrand, doing: Doing, answers: Answers) -> Outcome | Refusal:
    if errand.key is None:
        return do(errand, doing)
    earlier = answers.known(errand.key)
    if earlier is not None:
        return earlier
    try:
        outcome = do(errand, doing)
    except Refusal as refusal:  # not for a state reason: not stored, and nothing of it was done
        return refusal
    answers.add(errand.key, outcome)
    doing.effects.outcomes.append((errand.key, outcome))
    return outcome
