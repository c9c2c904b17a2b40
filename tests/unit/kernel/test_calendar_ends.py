"""The calendar's ends: what comes from outside is bounded, and nothing raises for what is kept."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from benefits.offers.domain import Sale
from benefits.points.schemas import EarningInput, Expiring
from benefits.web.views import expiry_chart
from marketplace.kernel.calendar import Calendar, Month, in_utc
from marketplace.kernel.ends import said_end
from marketplace.kernel.periods import Period
from marketplace.kernel.refusals import InvalidFields
from marketplace.platform.validation.fitting import fit
from marketplace.web.frame import environment
from settlement.statements.schemas import PeriodCloseInput

ENDS = [
    datetime.max.replace(tzinfo=UTC),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
]
ZONES = ["Asia/Shanghai", "America/New_York", "UTC"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("instant", ENDS, ids=str)
def test_nothing_raises_for_what_is_kept(zone: str, instant: datetime) -> None:
    calendar = Calendar(ZoneInfo(zone))
    day = calendar.day_of(instant)
    assert day.year in {1, 9999}
    assert calendar.start_of(day).year in {1, 9999}
    assert calendar.bounds(calendar.month_of(instant))[0].year in {1, 9999}
    assert in_utc(instant).tzinfo is UTC
    for months in (-20_000, -1, 1, 36, 200_000):
        assert calendar.month_of(instant).plus(months).first_day.year in range(1, 10_000)
    for cycle in ("weekly", "ten_day", "monthly"):
        assert Period.of(cycle, day).following.end.year in {1, 9999}
    for language in ("zh-CN", "en"):
        assert said_end(instant, language, calendar.zone, named=True)
        assert said_end(day, language, calendar.zone)
        assert Period.of("weekly", day).said(language)
    assert expiry_chart([Expiring(5, day)], date(2026, 12, 1))
    shown = environment([], {}.__getitem__, calendar).from_string(
        "{{ value|instant('zh-CN') }} {{ value|instant('en') }} {{ day|day('zh-CN') }} {{ day|day('en') }}"
    )
    assert shown.render(value=instant, day=day)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "fields"),
    [
        ("1970-01-01T00:00:00Z", "9000-12-31T23:59:59Z", []),
        ("0001-01-01T00:00:00+08:00", None, ["starts_at"]),
        ("2026-01-01T00:00:00+08:00", "9999-12-31T23:59:59Z", ["ends_at"]),
        ("1969-12-31T23:59:59.999999Z", "9001-01-01T00:00:00Z", ["starts_at", "ends_at"]),
        ("1970-01-01T07:59:59+08:00", "9000-12-31T23:59:59-08:00", ["starts_at", "ends_at"]),
    ],
)
def test_instants_from_outside_are_bounded(starts_at: str, ends_at: str | None, fields: list[str]) -> None:
    said = {"starts_at": starts_at, "ends_at": ends_at}
    if not fields:
        assert fit(said, Sale).starts_at.year == 1970
        return
    with pytest.raises(InvalidFields) as refused:
        fit(said, Sale)
    assert [one.field for one in refused.value.wrong] == fields
    assert "1970 to 9000" in refused.value.wrong[0].en


def test_days_are_bounded_and_an_earning_answers_for_itself() -> None:
    with pytest.raises(InvalidFields, match="not valid") as refused:
        fit({"cycle": "weekly", "starts_on": "9999-12-27"}, PeriodCloseInput)
    assert [one.field for one in refused.value.wrong] == ["starts_on"]
    earning = {"reference": "r", "member_id": "0198c0de-0000-7000-8000-000000000001", "points": 1, "kind": "activity"}
    assert fit(earning | {"occurred_at": "9999-12-31T23:59:59Z"}, EarningInput).occurred_at.year == 9999
    assert Month(9999, 12).plus(1) == Month(9999, 12)
