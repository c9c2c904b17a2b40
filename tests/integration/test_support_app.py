"""The test support itself: the application runs, and the stand-in ONE ID is believed only as far as it should be."""

from joserfc.jwk import ECKey

from marketplace.settings import Settings
from tests.support.app import running_app


async def test_staff_tokens_are_verified_for_real(settings: Settings, dsn: str) -> None:
    async with running_app(settings, dsn) as api:
        assert (await api.get("/health/ready")).status_code == 200
        good = await api.get("/v1/admin/invariants", headers=api.staff("operations"))
        assert good.status_code == 200, good.text
        assert (await api.get("/v1/admin/invariants")).status_code == 401
        assert (await api.get("/v1/admin/invariants", headers=api.staff())).status_code == 403
        member = api.oneid.token("members", "m-1", ("operations",))
        assert (await api.get("/v1/admin/invariants", headers={"Authorization": f"Bearer {member}"})).status_code == 401
        stranger = ECKey.generate_key("P-256", private=True)
        forged = api.oneid.token("admin", "s-1", ("operations",), key=stranger)
        assert (await api.get("/v1/admin/invariants", headers={"Authorization": f"Bearer {forged}"})).status_code == 401
