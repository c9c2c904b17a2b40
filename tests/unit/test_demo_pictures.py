"""The offers' pictures: drawn the same each time, small, and nothing in them that could run."""

from xml.etree import ElementTree as ET

import pytest

from benefits.offers.domain import MAX_IMAGE, picture_faults
from marketplace.demo.pictures import SCENES, draw
from marketplace.demo.pictures.backdrops import BACKDROPS
from marketplace.demo.pictures.canvas import PALETTES

ELEMENTS = {"svg", "defs", "linearGradient", "stop", "g", "rect", "circle", "ellipse", "path"}


@pytest.mark.parametrize("art", sorted(SCENES))
def test_a_scene_in_every_light(art: str) -> None:
    scene = SCENES[art]
    assert set(scene.palettes) <= PALETTES.keys()
    assert set(scene.backdrops) <= BACKDROPS.keys()
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
