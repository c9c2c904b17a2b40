"""A wrong setting stops the program with its name; the table of docs/operating.md has each of them."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from benefits.settings import BenefitsSettings
from marketplace.cli import main
from marketplace.settings import Settings, SettingsError, load, package_names
from marketplace.settings.fields import settings_of
from marketplace.settings.loading import package_settings
from marketplace.settings.table import BEGIN, END, markdown, written_into

GOOD = {
    "MARKETPLACE_SECRET_KEY": "0123456789abcdef" * 2,
    "MARKETPLACE_ONEID_ISSUER": "https://id.example",
    "MARKETPLACE_ONEID_CLIENT_SECRET": "x",
    "MARKETPLACE_BASE_URL": "https://shop.example/",
}

WRONG = [
    ({"MARKETPLACE_SECRET_KEY": "short"}, "MARKETPLACE_SECRET_KEY"),
    ({"MARKETPLACE_SECRET_KEY": ""}, "MARKETPLACE_SECRET_KEY"),
    ({"MARKETPLACE_ONEID_ISSUER": ""}, "MARKETPLACE_ONEID_ISSUER"),
    ({"MARKETPLACE_ONEID_ISSUER": "http://id.example"}, "MARKETPLACE_ONEID_ISSUER"),
    ({"MARKETPLACE_ONEID_ISSUER": "https://shop.example/oneid"}, "MARKETPLACE_ONEID_ISSUER"),
    ({"MARKETPLACE_ONEID_CLIENT_SECRET": ""}, "MARKETPLACE_ONEID_CLIENT_SECRET"),
    ({"MARKETPLACE_MODE": "prod"}, "MARKETPLACE_MODE"),
    ({"MARKETPLACE_ZONE": "Asia/Shangai"}, "MARKETPLACE_ZONE"),
    ({"MARKETPLACE_ZONE": "../etc/passwd"}, "MARKETPLACE_ZONE"),
    ({"MARKETPLACE_ZONE": "Asia"}, "MARKETPLACE_ZONE"),
    ({"MARKETPLACE_ZONE": "asia/shanghai"}, "MARKETPLACE_ZONE"),
    ({"MARKETPLACE_ZONE": "Factory"}, "MARKETPLACE_ZONE"),
    ({"MARKETPLACE_ZONE": "local" + "time"}, "MARKETPLACE_ZONE"),
    ({"MARKETPLACE_POOL_SIZE": "1"}, "MARKETPLACE_POOL_SIZE"),
    ({"MARKETPLACE_POOL_SIZE": "１０"}, "MARKETPLACE_POOL_SIZE"),
    ({"MARKETPLACE_DESK_BATCH": "257"}, "MARKETPLACE_DESK_BATCH"),
    ({"MARKETPLACE_CANCEL_EXPIRED_RULE": "keep"}, "MARKETPLACE_CANCEL_EXPIRED_RULE"),
    ({"MARKETPLACE_BASE_URL": "shop.example"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "http://shop.example"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": ""}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop.example/benefits"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop.example?x=1"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop.example#x"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop.example?"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop.example#"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://user:word@shop.example"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://@shop.example"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop.example:0"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop.example:99999"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop.example:"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://shop example"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://Shop.example"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_BASE_URL": "https://商城.example"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_MODE": "demo", "MARKETPLACE_BASE_URL": "http://127.0.0.1:8000/x"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_MODE": "test", "MARKETPLACE_BASE_URL": "http://a@127.0.0.1:8000"}, "MARKETPLACE_BASE_URL"),
    ({"MARKETPLACE_SECRET_KEY": "s" * 64}, "MARKETPLACE_SECRET_KEY"),
    ({"MARKETPLACE_SECRET_KEY": "012345678" * 8}, "MARKETPLACE_SECRET_KEY"),
    *(
        ({"MARKETPLACE_BASE_URL": text}, "MARKETPLACE_BASE_URL")
        for text in (
            "https://a..b",
            "https://-",
            "https://.",
            "https://[....]",
            "https://1.2.3",
            "https://0.0.0.0",
            "https://[::]",
        )
    ),
    *(
        ({"MARKETPLACE_ONEID_ISSUER": text}, "MARKETPLACE_ONEID_ISSUER")
        for text in (
            "https://",
            "https:// x",
            "https://a?x",
            "https://a#x",
            "https://u:p@a",
            "https://[::zz",
            "https://a:99999",
            "https://登录.cn",
            "https://a\nb",
            "https://a/x y",
            "https://shop.example",
            "https://shop.example/",
            "https://a%2f",
        )
    ),
    ({"MARKETPLACE_MODE": "demo", "MARKETPLACE_ONEID_ISSUER": "foo"}, "MARKETPLACE_ONEID_ISSUER"),
    *(
        ({"MARKETPLACE_DATABASE_ROLE": text}, "MARKETPLACE_DATABASE_ROLE")
        for text in ("public", "user", "none", "MyRole", "角色", "x" * 64, "pg_monitor", "current_user")
    ),
    *(
        ({"MARKETPLACE_PACKAGES": text}, "MARKETPLACE_PACKAGES")
        for text in ("x", ",", "partners.plugin", "a.b:c:d", "partners.plugin:Partners,partners.plugin:Partners")
    ),
    *(
        ({"DATABASE_URL": text}, "DATABASE_URL")
        for text in (
            "postgresql://h:x/d",
            "postgresql://h:99999/d",
            "postgresql://",
            "postgresql://h",
            "postgresql://h/",
            "postgresql://h/?dbname=d",
        )
    ),
    (
        {"DATABASE_URL": "postgresql://a@h/d", "MARKETPLACE_OWNER_URL": "postgresql://b@h/other"},
        "MARKETPLACE_OWNER_URL",
    ),
    ({"DATABASE_URL": "postgresql://my-app@h/d", "MARKETPLACE_OWNER_URL": "postgresql://b@h/d"}, "DATABASE_URL"),
    ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://u@h/d?search_path=private"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://u@h/d?sslmode=require&options=-csearch_path%3Dx"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://u@h/d?statement_timeout="}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://[::1/d"}, "DATABASE_URL"),
    ({"MARKETPLACE_CURRENCY": "yuan"}, "MARKETPLACE_CURRENCY"),
    ({"MARKETPLACE_CURRENCY": "ZZZ"}, "MARKETPLACE_CURRENCY"),
    ({"MARKETPLACE_CURRENCY": "XAU"}, "MARKETPLACE_CURRENCY"),
    ({"MARKETPLACE_DATABASE_ROLE": "a; DROP"}, "MARKETPLACE_DATABASE_ROLE"),
    ({"MARKETPLACE_CLOCK": "P1D"}, "MARKETPLACE_CLOCK"),
    ({"MARKETPLACE_MODE": "test", "MARKETPLACE_CLOCK": "tomorrow"}, "MARKETPLACE_CLOCK"),
    ({"MARKETPLACE_MODE": "test", "MARKETPLACE_CLOCK": "P99999999D"}, "MARKETPLACE_CLOCK"),
    ({"MARKETPLACE_OEM_NAME": "two\nlines"}, "MARKETPLACE_OEM_NAME"),
    ({"MARKETPLACE_COLOUR": "red"}, "MARKETPLACE_COLOUR"),
    ({"MARKETPLACE_LOG_LEVEL": "loud"}, "MARKETPLACE_LOG_LEVEL"),
    ({"MARKETPLACE_OUTBOUND_PORTS": "443, 8443"}, "MARKETPLACE_OUTBOUND_PORTS"),
    ({"MARKETPLACE_OUTBOUND_PORTS": "0"}, "MARKETPLACE_OUTBOUND_PORTS"),
    ({"MARKETPLACE_OUTBOUND_ALLOW": "127.0.0.1/8"}, "MARKETPLACE_OUTBOUND_ALLOW"),
    ({"MARKETPLACE_OUTBOUND_ALLOW": "127.0.0.0/8"}, "MARKETPLACE_OUTBOUND_ALLOW"),
]


def test_good_settings_load() -> None:
    settings = load(GOOD)
    assert settings.base_url == "https://shop.example"
    assert settings.audience("partner") == "https://shop.example/v1/partner"


def test_a_test_program_may_have_its_time_moved() -> None:
    assert load({"MARKETPLACE_MODE": "test", "MARKETPLACE_CLOCK": "P30DT6H"}).clock == timedelta(days=30, hours=6)
    assert load({"MARKETPLACE_MODE": "test", "MARKETPLACE_CLOCK": "-PT90M"}).clock == timedelta(minutes=-90)


@pytest.mark.parametrize(("change", "variable"), WRONG)
def test_a_wrong_one_is_named(change: dict[str, str], variable: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(GOOD | change)
    assert refused.value.variable == variable
    assert str(refused.value).startswith(f"{variable}: ")


def test_the_table_of_the_documents_is_what_the_code_says() -> None:
    text = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
    assert text == written_into(text, markdown(Settings().packages)), "run: make settings"
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^`|]*?)`? \|", text, re.MULTILINE))
    described = [one for kind in (Settings, *package_settings(Settings().packages)) for one in settings_of(kind)]
    assert sorted(rows) == sorted(one.variable for one in described)
    assert all(one.meaning for one in described)


def test_every_field_is_a_setting() -> None:
    """A field without a description could be set by nobody; a number without bounds could not be parsed."""
    kinds: list[type[msgspec.Struct]] = [Settings, *package_settings(Settings().packages)]
    for kind in kinds:
        described = list(settings_of(kind))
        assert {one.field for one in described} == set(kind.__struct_fields__) - {"of_packages"}
        assert all(one.bounds for one in described if isinstance(one.default, int))


def test_the_command_prints_the_table_and_writes_it_between_the_marks(tmp_path: Path) -> None:
    table = markdown(Settings().packages)
    assert CliRunner().invoke(main, ["settings"]).stdout == table
    file = tmp_path / "x.md"
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert CliRunner().invoke(main, ["settings", "--into", str(file)]).exit_code == 0
    assert file.read_text() == f"before\n{BEGIN}\n\n{table}\n{END}\nafter\n"
    file.write_text("no marks\n")
    refused = CliRunner().invoke(main, ["settings", "--into", str(file)])
    assert refused.exit_code == 1
    assert file.read_text() == "no marks\n"


FIFTH = """
from typing import Annotated
from msgspec import Meta
from marketplace.settings import PackageSettings, SettingsError
class Fifth(PackageSettings, frozen=True, kw_only=True):
    lounge_seats: Annotated[int, Meta(ge=1, le=9, description="seats of a lounge")] = 4
    {more}
    def check(self) -> None:
        if self.lounge_seats == 7:
            raise SettingsError("MARKETPLACE_LOUNGE_SEATS", "must not be seven")
SETTINGS = Fifth
"""


@pytest.fixture
def fifth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is in no list of ours, with a setting."""
    package = tmp_path / "fifth_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "settings.py").write_text(FIFTH.format(more=""))
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("fifth_package", "fifth_package.settings"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return package


WITH_FIFTH = GOOD | {"MARKETPLACE_PACKAGES": "partners.plugin:Partners,fifth_package.plugin:Fifth"}


def test_a_package_of_somebody_else_brings_its_settings(fifth: Path) -> None:
    settings = load(WITH_FIFTH | {"MARKETPLACE_LOUNGE_SEATS": "5"})
    assert [part.lounge_seats for part in settings.of_packages if hasattr(part, "lounge_seats")] == [5]
    assert "| `MARKETPLACE_LOUNGE_SEATS` | `4` | seats of a lounge; 1 to 9 |" in markdown(settings.packages)
    for value, message in (("0", "whole number from 1 to 9"), ("7", "must not be seven")):
        with pytest.raises(SettingsError, match=f"^MARKETPLACE_LOUNGE_SEATS: .*{message}"):
            load(WITH_FIFTH | {"MARKETPLACE_LOUNGE_SEATS": value})
    with pytest.raises(SettingsError, match=r"^MARKETPLACE_LOUNGE_SEATS: is not a setting"):
        load(GOOD | {"MARKETPLACE_LOUNGE_SEATS": "5"})


def test_the_settings_of_a_package_that_is_left_out_are_none(fifth: Path) -> None:
    with pytest.raises(SettingsError, match=r"^MARKETPLACE_GIFT_MOST: is not a setting"):
        load(WITH_FIFTH | {"MARKETPLACE_GIFT_MOST": "5"})


def test_one_variable_is_one_packages(fifth: Path) -> None:
    more = 'gift_most: Annotated[int, Meta(ge=0, le=1, description="x")] = 0'
    (fifth / "settings.py").write_text(FIFTH.format(more=more))
    with pytest.raises(SettingsError, match=r"^MARKETPLACE_GIFT_MOST: is a setting of both benefits and fifth_package"):
        load(GOOD | {"MARKETPLACE_PACKAGES": "benefits.plugin:Benefits,fifth_package.plugin:Fifth"})


def test_settings_stay_as_they_are() -> None:
    settings = load(GOOD | {"MARKETPLACE_GIFT_MOST": "5"})
    own = settings.of(BenefitsSettings)
    assert (own.gift_most, own.desk_batch, Settings().of(BenefitsSettings)) == (5, 128, BenefitsSettings())
    changed = settings.having(BenefitsSettings(gift_most=6))
    assert (changed.of(BenefitsSettings).gift_most, settings.of(BenefitsSettings).gift_most) == (6, 5)
    assert len(changed.of_packages) == len(settings.of_packages)
    for struct, field in ((settings, "zone"), (own, "gift_most")):
        with pytest.raises(AttributeError):
            setattr(struct, field, None)


def test_old_secret_keys_are_held_to_the_rules_of_the_key() -> None:
    first, second = "0123456789abcdef" * 2, "fedcba9876543210" * 2
    for text in (f"{first},{second}", f" {first} \n{second}\n", f"{first}\r\n{second}"):
        settings = load({**GOOD, "MARKETPLACE_SECRET_KEYS_OLD": text})
        assert settings.secret_keys_old == (first, second)
        assert settings.keys.all == (settings.secret_key, first, second)
        assert settings.keys is load({**GOOD, "MARKETPLACE_SECRET_KEYS_OLD": text}).keys
    comma = "a key, with a comma in it 0123456789"
    assert load({**GOOD, "MARKETPLACE_SECRET_KEYS_OLD": f"{comma}\n"}).secret_keys_old == (comma,)
    for text, message in ((f"{first},short", "at least 32 characters"), ("x" * 40, "different characters")):
        with pytest.raises(SettingsError, match=rf"^MARKETPLACE_SECRET_KEYS_OLD: each key must have .*{message}"):
            load({**GOOD, "MARKETPLACE_SECRET_KEYS_OLD": text})


def test_a_zone_that_is_refused_is_not_named_as_the_way_out() -> None:
    with pytest.raises(SettingsError, match="try Asia/Shanghai"):
        load({"MARKETPLACE_ZONE": "Factory"})


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["migrate"]])
@pytest.mark.parametrize("packages", ["x", "nowhere.plugin:Nothing"])
def test_wrong_packages_are_one_line(arguments: list[str], packages: str) -> None:
    """In a process of its own: the packages are loaded when the first module of the database is."""
    environment = os.environ | {"MARKETPLACE_PACKAGES": packages, "MARKETPLACE_MODE": "test"}
    command = [sys.executable, "-c", "from marketplace.cli import main; main()", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("marketplace: MARKETPLACE_PACKAGES: "), done.stderr
    assert "Traceback" not in done.stderr


def test_packages_may_be_named_with_blanks() -> None:
    names = load(GOOD | {"MARKETPLACE_PACKAGES": "partners.plugin:Partners, benefits.plugin:Benefits"}).packages
    assert names == ("partners.plugin:Partners", "benefits.plugin:Benefits")
    assert package_names({"MARKETPLACE_PACKAGES": ", ".join(names)}) == names


@pytest.mark.parametrize(
    "issuer",
    [
        "https://shop.example.com",
        "https://shop.example:8443",
        "https://id.example/realms/Club/",
        "https://[2001:db8::1]",
    ],
)
def test_an_issuer_elsewhere_is_taken(issuer: str) -> None:
    assert load(GOOD | {"MARKETPLACE_ONEID_ISSUER": issuer}).oneid == issuer
