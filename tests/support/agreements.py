"""A contract over HTTP, from draft to both signatures."""

from typing import Any

import httpx

from tests.support.app import Api, fresh_key


async def agree(api: Api, partner_id: str, terms: dict[str, Any], subject: str = "staff-1") -> httpx.Response:
    """Draft, offer, sign for the OEM, and record the partner's signature from paper by somebody else.

    Returns the last answer, or the first that refuses.
    """
    path = f"/v1/admin/partners/{partner_id}/contracts"
    operations, other = api.staff("operations", subject=subject), api.staff("operations", subject="recorder-1")
    draft = await api.post(path, json=terms, headers=operations | fresh_key())
    if draft.status_code != 201:
        return draft
    at, seal = f"{path}/{draft.json()['id']}", {"content_hash": draft.json()["content_hash"]}
    paper = {"signed_by": "王敏", "signed_on": "2026-01-01", "document_reference": "CT-2026-001"}
    for step, body, who in (
        ("offer", None, operations),
        ("sign", seal, operations),
        ("paper-signature", seal | paper, other),
    ):
        answer = await api.post(f"{at}/{step}", json=body, headers=who | fresh_key())
        if answer.status_code != 200:
            return answer
    return answer
