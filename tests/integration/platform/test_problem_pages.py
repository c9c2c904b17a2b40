"""A problem's `type` leads to a page that says what the code means and what to do."""

from collections.abc import AsyncIterator, Iterator
from html import unescape

import pytest

from marketplace.kernel.refusals import Refusal
from marketplace.platform.http.problem_catalogue import catalogue
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.check_sizes import PACKAGES

pytestmark = pytest.mark.xdist_group("problem_pages")


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as api:
        yield api


def classes(base: type[Refusal]) -> Iterator[type[Refusal]]:
    for kind in base.__subclasses__():
        yield kind
        yield from classes(kind)


async def test_every_refusal_is_explained(api: Api) -> None:
    product = [kind for kind in classes(Refusal) if kind.__module__.split(".")[0] in PACKAGES]
    bases = {"conflict"}  # of classes that take their code from the case
    assert {kind.code for kind in product} - catalogue().keys() == bases


async def test_every_code_has_its_page(api: Api) -> None:
    index = await api.get("/problems", headers={"Accept-Language": "en"})
    for code, problem in catalogue().items():
        assert f'href="/problems/{code}"' in index.text
        page = await api.get(f"/problems/{code}")
        assert page.status_code == 200
        for text in (problem.explanation.meaning, problem.explanation.remedy):
            assert text.zh in unescape(page.text)
            assert text.en in unescape(page.text)
        assert all(str(status) in page.text for status in problem.statuses)


async def test_the_type_of_a_problem_leads_there(api: Api) -> None:
    headers = api.member("m-1") | fresh_key()
    refused = await api.post("/v1/redemptions", json={"offer_id": "nothing"}, headers=headers)
    assert refused.status_code == 400
    page = await api.get(refused.json()["type"])
    assert (page.status_code, "invalid_request" in page.text) == (200, True)


async def test_a_code_that_there_is_not_has_no_page(api: Api) -> None:
    assert (await api.get("/problems/nothing_of_ours")).status_code == 404
