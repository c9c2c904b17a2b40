"""The rules about partners, contracts, clients and forms, as tables."""

from contextlib import suppress
from datetime import date
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest
from authlib.oauth2.rfc6749 import OAuth2Error
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.money import Money
from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.states import TransitionRefusedError
from partners.contracts.domain import ContractTerms, Proposal, check_end, check_proposal
from partners.fields import Name
from partners.oauth.clients.secrets import hash_secret, new_secret, secret_matches
from partners.oauth.domain import Client, check_scopes, granted_scope, is_admitted, is_known
from partners.oauth.server.assertions import MAX_LIFETIME_S, check_claims
from partners.oauth.server.request_parsing import FORM, parse_form
from partners.registry.domain import ADMITTED, PARTNER, Decision, PartnerStatus, decide, decisions
from tests.support import today

# Every state and, for each action, the next state; what is not here is refused.
STEPS = {
    ("applied", "review"): "in_review",
    ("in_review", "request_changes"): "changes_requested",
    ("in_review", "approve"): "approved",
    ("in_review", "reject"): "rejected",
    ("changes_requested", "resubmit"): "in_review",
    ("changes_requested", "reject"): "rejected",
    ("in_review", "sign_contract"): "in_review",
    ("changes_requested", "sign_contract"): "changes_requested",
    ("approved", "sign_contract"): "active",
    ("approved", "activate"): "active",
    ("approved", "terminate"): "terminated",
    ("approved", "issue_client"): "approved",
    ("approved", "add_location"): "approved",
    ("active", "sign_contract"): "active",
    ("active", "suspend"): "suspended",
    ("active", "terminate"): "terminated",
    ("active", "issue_client"): "active",
    ("active", "add_location"): "active",
    ("suspended", "sign_contract"): "suspended",
    ("suspended", "resume"): "active",
    ("suspended", "terminate"): "terminated",
}
for _state in ("applied", "in_review", "changes_requested"):
    STEPS[_state, "attest"] = STEPS[_state, "verify"] = _state
for _state in ("approved", "active", "suspended"):
    STEPS[_state, "verify"] = _state
ACTIONS = sorted({action for _, action in STEPS})


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", list(PartnerStatus))
def test_every_step_of_a_partner(state: PartnerStatus, action: str) -> None:
    wanted = STEPS.get((state.value, action))
    if wanted is None:
        with pytest.raises(TransitionRefusedError) as refusal:
            PARTNER.after(state, action)
        assert refusal.value.allowed == sorted(start for start, name in STEPS if name == action)
    else:
        assert PARTNER.after(state, action) == wanted


def test_the_last_states_have_no_way_out_and_admission_is_the_tables() -> None:
    assert PARTNER.actions(PartnerStatus.TERMINATED) == PARTNER.actions(PartnerStatus.REJECTED) == []
    assert {state for state, action in PARTNER.table if action == "issue_client"} == ADMITTED
    assert decisions(PartnerStatus.APPLIED) == ["approve", "reject", "review"]
    assert decisions(PartnerStatus.IN_REVIEW) == ["approve", "reject", "request_changes"]
    assert decisions(PartnerStatus.CHANGES_REQUESTED) == ["reject"]
    assert decisions(PartnerStatus.SUSPENDED) == ["resume", "terminate"]


@pytest.mark.parametrize(
    ("state", "decision", "reason", "after"),
    [
        ("applied", "approve", None, "approved"),
        ("in_review", "approve", None, "approved"),
        ("in_review", "request_changes", None, None),
        ("in_review", "request_changes", "缺营业执照", "changes_requested"),
        ("applied", "reject", "资料不全", "rejected"),
        ("applied", "reject", None, None),
        ("active", "suspend", "", None),
        ("active", "terminate", None, None),
        ("suspended", "resume", None, "active"),
    ],
)
def test_what_goes_against_a_partner_needs_a_reason(
    state: str, decision: Any, reason: str | None, after: str | None
) -> None:
    if after is None:
        with pytest.raises(InvalidField, match="reason"):
            decide(PartnerStatus(state), decision, reason)
    else:
        assert decide(PartnerStatus(state), decision, reason)[-1] == (decision, after)


def test_a_decision_is_never_more_than_arrows_of_the_table() -> None:
    """Whatever is decided wherever: each step is an arrow, and only who was not taken up yet is taken up on the way."""
    for state in PartnerStatus:
        for decision in get_args(Decision):
            try:
                steps = decide(state, decision, "why")
            except TransitionRefusedError:
                assert decision not in decisions(state)
                continue
            assert decision in decisions(state)
            at = state
            for action, after in steps:
                assert PARTNER.table[at, action] == after
                at = after
            assert [action for action, _ in steps[:-1]] == (
                ["review"] if state == "applied" and decision != "review" else []
            )


@given(st.lists(st.sampled_from(ACTIONS), max_size=60))
def test_what_holds_on_every_walk_through_a_partners_life(walk: list[str]) -> None:
    """Nobody is approved unseen, nobody sells unapproved, and an end is an end, whatever is tried in whatever order."""
    state, seen = PartnerStatus.APPLIED, [PartnerStatus.APPLIED]
    for action in walk:
        with suppress(TransitionRefusedError):
            state = PARTNER.after(state, action)
            seen.append(state)
    for status, needs in [("changes_requested", "in_review"), ("approved", "in_review"), ("active", "approved"),
                          ("suspended", "active"), ("terminated", "approved"), ("rejected", "in_review")]:  # fmt: skip
        if status in seen:
            assert needs in seen[: seen.index(PartnerStatus(status))]
    for end in ("terminated", "rejected"):
        if end in seen:
            assert seen[-1] == end
            assert seen.count(PartnerStatus(end)) == 1
    if "rejected" in seen:
        assert not {"approved", "active", "suspended", "terminated"} & set(seen)


@pytest.mark.parametrize("text", ["", " ", " a", "a ", "a\n", "\n", "a\tb", "a\0b", "\0", "\x7f", "a" * 81])
def test_names_without_letters_or_with_control_characters(text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.en"):
        msgspec.convert({"zh-CN": "甲", "en": text}, Name)


@pytest.mark.parametrize("text", ["a", "é", "Café de l'Ours", "a b", "7", "&"])
def test_names_that_are_good(text: str) -> None:
    assert msgspec.convert({"zh-CN": "酒 店", "en": text}, Name).text().en == text


PROPOSAL = Proposal(
    starts_on=date(2026, 1, 1),
    ends_on=None,
    settlement_basis="on_use",
    settlement_price=Money(100),
    max_settlement_price=Money(200),
    commission_ppm=0,
    tax_rate_ppm=60000,
    currency="CNY",
    cycle="monthly",
    payment_terms_days=30,
)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"ends_on": date(2026, 1, 2)}, None),
        ({"settlement_price": None, "max_settlement_price": None}, None),
        ({"settlement_price": Money(200)}, None),
        ({"ends_on": date(2026, 1, 1)}, "ends_on"),
        ({"starts_on": date(1999, 12, 31)}, "starts_on"),
        ({"ends_on": date(2200, 1, 1)}, "ends_on"),
        ({"currency": "USD"}, "currency"),
        ({"settlement_price": Money(1, "USD")}, "settlement_price.currency"),
        ({"max_settlement_price": Money(100, "EUR")}, "max_settlement_price.currency"),
        ({"settlement_price": Money(201)}, "max_settlement_price"),
    ],
)
def test_terms_that_contradict_each_other(change: dict[str, Any], field: str | None) -> None:
    proposal = msgspec.structs.replace(PROPOSAL, **change)
    if field is None:
        check_proposal(proposal, "CNY")
    else:
        with pytest.raises(InvalidField) as refusal:
            check_proposal(proposal, "CNY")
        assert refusal.value.details["field"] == field


def _contract(starts_on: date, ends_on: date | None) -> ContractTerms:
    fields = {name: getattr(PROPOSAL, name) for name in PROPOSAL.__struct_fields__}
    return ContractTerms(contract_id=UUID(int=1), version=1, **fields | {"starts_on": starts_on, "ends_on": ends_on})


@pytest.mark.parametrize(
    ("ends_on", "wanted", "good"),
    [
        (None, date(2026, 6, 2), True),
        (date(2026, 12, 1), date(2026, 11, 30), True),
        (date(2026, 12, 1), date(2026, 12, 1), False),  # not earlier
        (date(2026, 12, 1), date(2027, 1, 1), False),  # a longer term is a new contract
        (None, date(2026, 6, 1), False),  # today's redemptions have a contract
        (None, date(2026, 5, 31), False),  # and so have yesterday's
        (None, date(2026, 1, 1), False),  # never a contract without a day
        (None, date(2199, 12, 31), True),
        (None, date(2200, 1, 1), False),  # the days of a new contract have the same bounds
    ],
)
def test_how_early_a_contract_can_end(ends_on: date | None, wanted: date, good: bool) -> None:
    contract, today = _contract(date(2026, 1, 1), ends_on), date(2026, 6, 1)
    if good:
        check_end(contract, wanted, today)
    else:
        with pytest.raises(InvalidField, match="ends_on"):
            check_end(contract, wanted, today)


CLIENT = Client(
    client_id="c",
    audience="partner",
    partner_id=UUID(int=1),
    auth_method="client_secret_basic",
    jwks=None,
    scopes=frozenset({"offers:read", "offers:write"}),
    status="active",
    demo=False,
    partner_status="active",
)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (None, "offers:read offers:write"),
        ("", "offers:read offers:write"),
        ("offers:write", "offers:write"),
        ("offers:write  offers:write", "offers:write"),
        ("offers:read vouchers:use", None),
        ("OFFERS:READ", None),
    ],
)
def test_the_scope_of_a_token(asked: str | None, granted: str | None) -> None:
    assert granted_scope(CLIENT, asked) == granted


@pytest.mark.parametrize(
    ("status", "demo", "mode", "known"),
    [
        ("active", False, "production", True),
        ("active", True, "production", False),
        ("active", True, "demo", True),
        ("active", True, "test", True),
        ("revoked", False, "demo", False),
    ],
)
def test_which_clients_are_known(status: str, demo: bool, mode: str, known: bool) -> None:
    assert is_known(msgspec.structs.replace(CLIENT, status=status, demo=demo), mode) is known


@pytest.mark.parametrize("status", [None, *PartnerStatus])
def test_which_partners_may_call(status: str | None) -> None:
    admitted = is_admitted(msgspec.structs.replace(CLIENT, partner_status=status))
    assert admitted is (status in {None, "approved", "active"})


def test_scopes_belong_to_an_audience() -> None:
    assert check_scopes("partner", ["offers:write", "offers:read", "offers:read"]) == ["offers:read", "offers:write"]
    with pytest.raises(InvalidField, match=r"scopes\[0\]"):
        check_scopes("points", ["offers:read"])


def test_secrets() -> None:
    secret = new_secret()
    assert secret_matches(secret, hash_secret(secret))
    assert not secret_matches(secret + "x", hash_secret(secret))
    assert not secret_matches("", None)
    assert len({new_secret() for _ in range(100)}) == 100
    with pytest.raises(InvalidField):
        hash_secret("short")


NOW = today.now().timestamp()
CLAIMS: dict[str, Any] = {"iss": "c", "sub": "c", "aud": "https://us", "jti": "j", "exp": NOW + 60}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, None),
        ({"exp": NOW + MAX_LIFETIME_S}, None),
        ({"iat": NOW + 5, "nbf": NOW - 5}, None),
        ({"exp": NOW + MAX_LIFETIME_S + 60}, "at most"),
        ({"exp": NOW}, "expired"),
        ({"exp": float("nan")}, "number"),
        ({"exp": -1}, "number"),
        ({"iat": NOW + 60}, "iat"),
        ({"nbf": "now"}, "nbf"),
        ({"aud": ["https://us"]}, "aud"),
        ({"aud": "https://us/"}, "aud"),
        ({"iss": "d"}, "iss"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "唯一"}, "jti"),
    ],
)
def test_claims_of_an_assertion(change: dict[str, Any], wrong: str | None) -> None:
    if wrong is None:
        assert check_claims(CLAIMS | change, "https://us", NOW).jti == "j"
    else:
        with pytest.raises(OAuth2Error, match=wrong):
            check_claims(CLAIMS | change, "https://us", NOW)


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"grant_type=x", {"grant_type": "x"}),
        (b"grant_type=x&scope=", {"grant_type": "x"}),
        (b"grant_type=x&scope=a+b%3Ac", {"grant_type": "x", "scope": "a b:c"}),
        (b"grant_type=x&grant_type=", None),
        (b"grant_type=x&scope=%00", None),
        (b"grant_type=x&scope=%0A", None),
        (b"grant_type=x&sc%22ope=a", None),
        (b"grant_type=", None),
        (b"", None),
    ],
)
def test_forms(body: bytes, form: dict[str, str] | None) -> None:
    if form is None:
        with pytest.raises(OAuth2Error):
            parse_form(FORM, body)
    else:
        assert parse_form(f"{FORM}; charset=UTF-8", body) == form
