"""A wrong setting stops the program with its name; the README's table has each of them."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from marketplace.settings import VARIABLES, Settings, SettingsError, load, package_names

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


def test_the_readme_has_a_row_for_each() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^`|]*?)`? \|", text, re.MULTILINE))
    assert sorted(rows) == sorted(VARIABLES.values())
    defaults = Settings()
    for field, variable in VARIABLES.items():
        shown, value = rows[variable].strip(), getattr(defaults, field)
        if field != "packages":
            assert shown == (str(value or "") or "–"), variable


def test_old_secret_keys_are_held_to_the_rules_of_the_key() -> None:
    first, second = "0123456789abcdef" * 2, "fedcba9876543210" * 2
    for text in (f"{first},{second}", f" {first} \n{second}\n", f"{first}\r\n{second}"):
        settings = load({**GOOD, "MARKETPLACE_SECRET_KEYS_OLD": text})
        assert settings.secret_keys_old == (first, second)
        assert settings.keys.all == (settings.secret_key, first, second)
        assert settings.keys is load({**GOOD, "MARKETPLACE_SECRET_KEYS_OLD": text}).keys
    comma = "a key, with a comma in it 0123456789"
    assert load({**GOOD, "MARKETPLACE_SECRET_KEYS_OLD": f"{comma}\n"}).secret_keys_old == (comma,)
    for text, why in ((f"{first},short", "at least 32 characters"), ("x" * 40, "different characters")):
        with pytest.raises(SettingsError, match=rf"^MARKETPLACE_SECRET_KEYS_OLD: each key must have .*{why}"):
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
