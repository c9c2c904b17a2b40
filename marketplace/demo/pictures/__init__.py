"""The offers' pictures: a scene before a backdrop, both SVG files, in one of several palettes; a few KB each, no scripts.

Every file is drawn in the colours of the palette `dawn` and can be opened by itself; `draw` replaces its colours by those of
the palette that it chose. A scene or backdrop with several drawings has a number at the end of each file's name.
"""

import re
from functools import cache
from pathlib import Path
from random import Random

import msgspec

from marketplace.demo.content import ContentError, read_toml

_FOLDER = Path(__file__).parent
_BASE = "dawn"
_COLOUR = re.compile(r"#[0-9A-F]{6}")
_FILE = re.compile(r"(<svg [^>]*>)(.*)</svg>\s*", re.DOTALL)


class Palette(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Colours that go together: sky and light, two layers of land, a thing in three tones, an accent, paper and ink."""

    sky: str
    glow: str
    sun: str
    far: str
    near: str
    main: str
    dark: str
    light: str
    accent: str
    paper: str
    ink: str


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What suits a scene."""

    palettes: tuple[str, ...]
    backdrops: tuple[str, ...]


@cache
def palettes() -> dict[str, Palette]:
    """Return the palettes by name. Raises ContentError."""
    return read_toml(_FOLDER / "palettes.toml", dict[str, Palette])


@cache
def scenes() -> dict[str, Scene]:
    """Return the scenes by the name that an offer's `art` gives. Raises ContentError."""
    return read_toml(_FOLDER / "scenes.toml", dict[str, Scene])


def draw(art: str, variant: str) -> str:
    """Return the picture as SVG text: the same for the same names, another palette and light for another variant.

    Raises ContentError for a scene that is not there.
    """
    chance = Random(f"{art}:{variant}")  # noqa: S311 - it chooses colours, not secrets
    if art not in scenes():
        raise ContentError(f"scenes.toml: there is no scene {art!r}")
    scene = scenes()[art]
    palette = palettes()[chance.choice(scene.palettes)]
    head, backdrop = chance.choice(_drawings("backdrops", chance.choice(scene.backdrops)))
    _, things = chance.choice(_drawings("scenes", art))
    colours = dict(zip(_colours(palettes()[_BASE]), _colours(palette), strict=True))
    return head + _COLOUR.sub(lambda found: colours[found[0]], backdrop + things) + "</svg>"


def _colours(palette: Palette) -> list[str]:
    return [getattr(palette, name) for name in palette.__struct_fields__]


@cache
def _drawings(folder: str, name: str) -> list[tuple[str, str]]:
    """Return the opening tag and the content of every drawing of the name, in the order of their file names."""
    paths = sorted(path for path in (_FOLDER / folder).glob(f"{name}*.svg") if path.stem.partition("-")[0] == name)
    if not paths:
        raise ContentError(f"pictures/{folder}: there is no drawing of {name!r}")
    return [_parts(path) for path in paths]


def _parts(path: Path) -> tuple[str, str]:
    found = _FILE.fullmatch(path.read_text(encoding="utf-8"))
    if found is None:
        raise ContentError(f"pictures/{path.parent.name}/{path.name}: is no picture")
    strange = set(_COLOUR.findall(found[2])) - set(_colours(palettes()[_BASE]))
    if strange:
        raise ContentError(f"pictures/{path.parent.name}/{path.name}: {min(strange)} is no colour of {_BASE!r}")
    return found[1], found[2].replace("\n", "")
