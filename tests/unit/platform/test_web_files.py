"""Templates, static files, and what others wrote."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from marketplace.settings import Settings
from marketplace.web import frame

STATIC = Path(frame.__file__).parent / "static"
VENDOR = STATIC / "vendor"
ROOT = STATIC.parents[3]


def test_vendored_files_are_listed_and_unchanged() -> None:
    listed = tomllib.loads((VENDOR / "VENDORED.toml").read_text())["file"]
    texts = {text for entry in listed for text in entry["licence_texts"]}
    for entry in listed:
        content = (VENDOR / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
        assert entry["name"]
        assert entry["version"]
        assert entry["licence"]
    found = {path.name for path in VENDOR.iterdir()}
    assert found == {entry["file"] for entry in listed} | texts | {"VENDORED.toml"}


def test_a_static_address_carries_the_hash_of_the_file() -> None:
    static = frame.static_addresses({"web": STATIC})
    digest = hashlib.sha256((STATIC / "site.css").read_bytes()).hexdigest()[:12]
    assert static("web/site.css") == f"/static/web/site.css?v={digest}"
    with pytest.raises(KeyError):
        static("web/nothing.css")


@pytest.mark.parametrize("package", ["marketplace", "partners", "benefits", "settlement"])
def test_pages_have_no_inline_script_or_style_and_nothing_from_elsewhere(package: str) -> None:
    """The content security policy would refuse them in the browser; here they are found with their names."""
    for path in (ROOT / package / "web" / "templates").rglob("*.html"):
        text = path.read_text()
        assert "<style" not in text, path
        assert 'style="' not in text, path
        assert " onclick=" not in text, path
        assert "hx-on" not in text, path
        assert "http://" not in text.replace("http://www.w3.org", ""), path
        assert "https://" not in text, path
        for part in text.split("<script")[1:]:
            assert part.lstrip().startswith("src="), path


def test_every_component_renders_in_both_languages() -> None:
    static = frame.static_addresses({"web": STATIC})
    environment = frame.environment([frame.HERE / "templates"], static, Settings().calendar)
    gallery = environment.from_string(
        """{% import "components.html" as ui with context %}
        {{ ui.price(12345) }}{{ ui.badge("<b>", "good") }}{{ ui.chip("c", "/x?a=1&b=2", true, "travel", 3) }}
        {% call ui.card("Title") %}inside{% endcall %}{{ ui.empty("search", "none", "text", "/", "go") }}
        {{ ui.pager("/next") }}{% call ui.notice("bad", "alert") %}careful{% endcall %}
        {{ ui.field("email", "Mail", "a@b", "email", error="wrong") }}{{ ui.field("name", "Name", hint="yours", required=true) }}
        {{ ui.qr("<svg></svg>", "code") }}{{ ui.csrf() }}"""
    )
    for language, words in (("zh-CN", "积分"), ("en", "pts")):
        html = gallery.render(
            lang=language,
            t=lambda zh, en, of=language: en if of == "en" else zh,
            csrf_token="t0ken",
            form_key="k",
            form_page="/p",
        )
        assert words in html
        assert "12,345" in html
        assert "&lt;b&gt;" in html
        assert 'aria-invalid="true" aria-describedby="error-email"' in html
        assert "<svg></svg>" in html
        assert "t0ken" in html


def test_templates_compile() -> None:
    folders = [
        frame.HERE / "templates",
        *(ROOT / name / "web" / "templates" for name in ("partners", "benefits", "settlement")),
    ]
    environment = frame.environment(folders, lambda name: name, Settings().calendar)
    names = environment.list_templates(extensions=["html"])
    assert "layout.html" in names
    for name in names:
        environment.get_template(name)
