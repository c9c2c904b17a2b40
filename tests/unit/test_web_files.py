"""Templates, static files, and what others wrote."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from marketplace.settings import Settings
from marketplace.web import frame

STATIC = Path(frame.__file__).parent / "static"
VENDOR = STATIC / "vendor"
ROOT = STATIC.parents[2]


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


@pytest.mark.parametrize("package", ["marketplace", "benefits"])
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


def test_templates_compile() -> None:
    folders = [frame.HERE / "templates", ROOT / "benefits" / "web" / "templates"]
    environment = frame.environment(folders, lambda name: name, Settings().calendar)
    names = environment.list_templates(extensions=["html"])
    assert "layout.html" in names
    for name in names:
        environment.get_template(name)
