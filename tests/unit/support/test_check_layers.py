"""The check of layers finds a use case, a rule or a table that imports an API, a page or a command."""

import pytest

from tests.support.check_layers import complaints


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("benefits.offers.register", "benefits.offers.partner_api"),
        ("partners.staff.schemas", "partners.onboarding.api"),
        ("settlement.statements.close", "settlement.web.statements_page"),
        ("benefits.points.domain", "benefits.commands"),
    ],
)
def test_a_use_case_that_knows_its_caller_is_found(importer: str, imported: str) -> None:
    (found,) = complaints([(importer, imported)])
    assert found.startswith(f"{importer} imports {imported}")


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("benefits.plugin", "benefits.offers.api"),
        ("benefits.web.shop", "benefits.offers.api"),
        ("benefits.offers.api", "benefits.offers.register"),
        ("benefits.desk.registry", "benefits.points.commands"),
    ],
)
def test_faces_and_entrances_may(importer: str, imported: str) -> None:
    assert list(complaints([(importer, imported)])) == []
