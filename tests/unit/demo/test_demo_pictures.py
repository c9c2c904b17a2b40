"""The offers' pictures: drawn the same each time, small, and nothing in them that could run."""

import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benefits.offers.domain import MAX_IMAGE, picture_faults
from marketplace.demo import pictures
from marketplace.demo.content import ContentError
from marketplace.demo.pictures import draw, palettes, scenes

ELEMENTS = {"svg", "defs", "linearGradient", "stop", "g", "rect", "circle", "ellipse", "path"}
FOLDER = Path(pictures.__file__).parent


@pytest.mark.parametrize("art", sorted(scenes()))
def test_a_scene_in_every_light(art: str) -> None:
    scene = scenes()[art]
    assert set(scene.palettes) <= palettes().keys()
    assert all(list(FOLDER.glob(f"backdrops/{name}*.svg")) for name in scene.backdrops)
    for variant in range(12):
        svg = draw(art, str(variant))
        assert svg == draw(art, str(variant))
        assert len(svg) < MAX_IMAGE
        assert not list(picture_faults(svg))
        root = ET.fromstring(svg)  # noqa: S314 - our own text
        assert {element.tag.split("}")[1] for element in root.iter()} <= ELEMENTS
        assert "NaN" not in svg


def test_variants_differ() -> None:
    assert len({draw("coffee", str(variant)) for variant in range(12)}) > 4


def test_no_drawing_is_left_over() -> None:
    """Each file is a drawing of a scene, or of a backdrop that some scene has."""
    backdrops = {name for scene in scenes().values() for name in scene.backdrops}
    assert {path.stem.partition("-")[0] for path in FOLDER.glob("backdrops/*")} == backdrops
    assert {path.stem.partition("-")[0] for path in FOLDER.glob("scenes/*")} == scenes().keys()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the pictures that a test may break."""
    copy = tmp_path / "pictures"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(pictures, "_FOLDER", copy)
    for cached in (pictures.palettes, pictures.scenes, pictures._drawings):
        monkeypatch.setattr(pictures, cached.__name__, cached.__wrapped__)
    return copy


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("scenes/kart.svg", None, "pictures/scenes: there is no drawing of 'kart'"),
        ("scenes/kart.svg", "<p/>", "pictures/scenes/kart.svg: is no picture"),
        ("scenes/kart.svg", '<svg xmlns="x"><path fill="#123456"/></svg>', "kart.svg: #123456 is no colour of 'dawn'"),
        ("scenes.toml", "[coffee]\npalettes = []\nbackdrops = []\n", "scenes.toml: there is no scene 'kart'"),
        ("scenes.toml", "[kart]\npalettes = []\n", "scenes.toml: Object missing required field `backdrops`"),
        ("palettes.toml", "[dawn\n", "palettes.toml: "),
        ("palettes.toml", None, "palettes.toml: "),
    ],
)
def test_a_broken_file_is_named(folder: Path, name: str, text: str | None, message: str) -> None:
    draw("kart", "1")
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    with pytest.raises(ContentError) as error:
        draw("kart", "1")
    assert message in str(error.value)
