"""The settings of partners and their contracts."""

from typing import Annotated

from msgspec import Meta

from marketplace.settings import PackageSettings, SettingsError
from marketplace.settings.fields import variable_of


class PartnersSettings(PackageSettings, frozen=True, kw_only=True):
    """The company that signs contracts with partners."""

    oem_name: Annotated[
        str,
        Meta(description="the company that signs contracts with partners, as its registration names it"),
    ] = "权益平台 Benefits Marketplace"

    def check(self) -> None:
        """Raise SettingsError unless the company's name is one line."""
        if not 1 <= len(self.oem_name) <= 200 or not self.oem_name.isprintable():
            raise SettingsError(variable_of("oem_name"), "must be one line of 1 to 200 letters")


SETTINGS = PartnersSettings
