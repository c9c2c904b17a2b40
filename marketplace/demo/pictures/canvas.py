"""Colours, and the few shapes that everything is drawn with."""

from collections.abc import Callable, Sequence
from random import Random

import msgspec

WIDTH, HEIGHT = 640, 400

Parts = list[str]


class Palette(msgspec.Struct, frozen=True):
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


class Scene(msgspec.Struct, frozen=True):
    """What one kind of picture may look like."""

    paint: Callable[[Palette, Random], Parts]
    backdrops: Sequence[str]
    palettes: Sequence[str]


PALETTES = {
    name: Palette(*(f"#{colour}" for colour in colours.split()))
    for name, colours in {
        "dawn": "FDEDE1 F5C4AA FFF7EE EDB59C D98F76 B5533C 7E3426 F1A283 F4C95D FFF9F3 3B2320",
        "sage": "EEF4E8 C3D8BF FBFDF4 A9C6A6 7DA583 2F6B57 1D473A 8FBFA2 E9B44C FBFCF7 1B2C26",
        "mist": "EBF2F6 BAD0DF FFFFFF A3BFD1 7A9DB5 2E5C7E 1C3A53 8DB6D2 F0A55B F9FCFE 172733",
        "dusk": "4A3B74 D5818C FFD9A8 7A5588 4D3666 F2B48C C4715C FFE0C2 FFD166 FFF4E8 241B3B",
        "night": "12293F 34627A F6EFD2 23495F 16344A F0B95B B98232 FFDD9A E77B5B F7F4E6 0A1722",
        "sand": "FCF4E2 F0D5A3 FFFBF0 E2BE84 C99B5B 8C5A2B 5F3A1A D9A566 C8553D FFFAEF 38230F",
        "rose": "FCEEF0 F2BFC9 FFF8F8 E3A3B0 C97A8D A63D5A 71243D E79AAE F2B950 FFF7F8 3D1422",
        "teal": "E5F5F2 A5D8D1 FAFFFD 83C3BB 4E9E97 0F5E5A 073F3D 6CBAB0 F2A65A F6FFFD 052827",
        "plum": "F2ECF7 CEBCE2 FDFAFF B49FD0 8A73B3 55408C 372863 A08CCB EFB35A FBF8FF 211840",
        "lemon": "FFF9E0 FADF93 FFFDF0 F0CC6B DDB043 C97B1C 8E5110 F3B857 3E7C74 FFFCEF 3C2A0A",
        "snow": "F3F8FC C6DBEC FFFFFF B7CFE2 8FB0CB D8503F 9C3128 F19183 2F6FA3 FFFFFF 1B3247",
        "ember": "FCE7D8 EE9C76 FFF1DF DE8055 B85A34 8E2F1C 5C1A0F E0784F F6C453 FFF6EC 2E0F08",
    }.items()
}


def rect(x: float, y: float, width: float, height: float, fill: str, radius: float = 0, more: str = "") -> str:
    """Return a rectangle, with rounded corners if a radius is given."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" fill="{fill}"{more}/>'


def circle(x: float, y: float, radius: float, fill: str, more: str = "") -> str:
    """Return a disc."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}"{more}/>'


def ellipse(x: float, y: float, rx: float, ry: float, fill: str, more: str = "") -> str:
    """Return an ellipse."""
    return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{rx:g}" ry="{ry:g}" fill="{fill}"{more}/>'


def path(d: str, fill: str, more: str = "") -> str:
    """Return a filled outline."""
    return f'<path d="{d}" fill="{fill}"{more}/>'


def line(d: str, stroke: str, width: float, more: str = "") -> str:
    """Return a stroke with round ends."""
    return (
        f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width:g}" stroke-linecap="round"'
        f' stroke-linejoin="round"{more}/>'
    )


def group(transform: str, *parts: str) -> str:
    """Return the parts moved, turned or scaled together."""
    return f'<g transform="{transform}">{"".join(parts)}</g>'


def faint(opacity: float) -> str:
    """Return the attribute that lets light through, for the `more` of a shape."""
    return f' opacity="{opacity:g}"'


def shadow(colours: Palette, x: float, y: float, rx: float, ry: float = 9) -> str:
    """Return the soft shadow on which a thing stands."""
    return ellipse(x, y, rx, ry, colours.ink, faint(0.16))


def steam(colours: Palette, x: float, y: float, count: int = 3, gap: float = 26) -> str:
    """Return steam that rises from a point."""
    left = x - gap * (count - 1) / 2
    return "".join(
        line(f"M{left + gap * n:g} {y:g}c-14 -16 14 -30 0 -48c-10 -14 4 -24 2 -34", colours.paper, 6, faint(0.75))
        for n in range(count)
    )


def stars(colours: Palette, chance: Random, count: int, low: int = 210) -> str:
    """Return stars above a height."""
    return "".join(
        circle(
            chance.randint(10, 630), chance.randint(8, low), chance.choice((1.2, 1.6, 2.4)), colours.paper, faint(0.8)
        )
        for _ in range(count)
    )


def spark(x: float, y: float, size: float, tone: str) -> str:
    """Return a glint of light with four points."""
    long, short = size * 0.76, size * 0.24
    return path(
        f"M{x:g} {y - size:g}l{short:g} {long:g}l{long:g} {short:g}l{-long:g} {short:g}l{-short:g} {long:g}"
        f"l{-short:g} {-long:g}l{-long:g} {-short:g}l{long:g} {-short:g}z",
        tone,
    )


def tree(colours: Palette, x: float, y: float, height: float, tone: str) -> str:
    """Return a conifer standing at a point."""
    half = height * 0.26
    return rect(x - 3, y - 8, 6, 10, colours.ink, 0, faint(0.5)) + "".join(
        path(
            f"M{x - half * (1 - 0.22 * n):g} {y - 4 - height * 0.25 * n:g}L{x:g} {y - height * (0.55 + 0.225 * n):g}"
            f"L{x + half * (1 - 0.22 * n):g} {y - 4 - height * 0.25 * n:g}Z",
            tone,
        )
        for n in range(3)
    )
