"""What lies behind the things: hills, a city, a table, arcs of light, the night, the sea."""

import math
from collections.abc import Callable
from itertools import pairwise
from random import Random

from marketplace.demo.pictures.canvas import HEIGHT, WIDTH, Palette, Parts, circle, faint, line, path, rect, stars

_SKY = rect(0, 0, WIDTH, HEIGHT, "url(#s)")


def _wave(base: float, height: float, length: float, phase: float) -> str:
    points = [(x, base - height * math.sin(x / length + phase)) for x in range(-40, WIDTH + 81, 60)]
    d = f"M{points[0][0]} {HEIGHT}L{points[0][0]} {points[0][1]:.0f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        d += f"C{x0 + 22} {y0:.0f} {x1 - 22} {y1:.0f} {x1} {y1:.0f}"
    return f"{d}L{points[-1][0]} {HEIGHT}Z"


def _sun(colours: Palette, chance: Random, radius: int, strength: float = 0.85) -> Parts:
    x, y = chance.choice((132, 168, 470, 512)), chance.randint(84, 122)
    return [
        circle(x, y, radius * 1.55, colours.sun, faint(strength * 0.3)),
        circle(x, y, radius, colours.sun, faint(strength)),
    ]


def hills(colours: Palette, chance: Random) -> Parts:
    """A sun and three ridges."""
    phase = chance.uniform(0, 6)
    return [
        _SKY,
        *_sun(colours, chance, 44),
        path(_wave(262, 34, 96, phase), colours.far, faint(0.55)),
        path(_wave(300, 26, 120, phase + 2.1), colours.far),
        path(_wave(338, 16, 150, phase + 4.4), colours.near),
    ]


def meadow(colours: Palette, chance: Random) -> Parts:
    """A quiet horizon under a large sun."""
    phase = chance.uniform(0, 6)
    return [
        _SKY,
        *_sun(colours, chance, 58),
        path(_wave(306, 12, 130, phase), colours.far, faint(0.8)),
        path(_wave(334, 8, 170, phase + 2), colours.near),
    ]


def city(colours: Palette, chance: Random) -> Parts:
    """Towers in the haze."""
    parts = [_SKY, *_sun(colours, chance, 46)]
    for base, low, high, tone, strength in ((330, 90, 190, colours.far, 0.5), (340, 50, 130, colours.far, 0.95)):
        x = -chance.randint(0, 30)
        while x < WIDTH:
            width, height = chance.randint(36, 74), chance.randint(low, high)
            parts.append(
                rect(x, base - height, width, height + 30, tone, chance.choice((0, 0, 4, 14)), faint(strength))
            )
            x += width + chance.choice((2, 6, 14))
    return [*parts, rect(0, 336, WIDTH, 64, colours.near)]


def table(colours: Palette, chance: Random) -> Parts:
    """A wall with a disc of light, and a table top."""
    x = 320 + chance.choice((-54, -30, 30, 54))
    return [
        _SKY,
        circle(x, 190, 168, colours.sun, faint(0.42)),
        circle(x, 190, 124, colours.sun, faint(0.5)),
        rect(0, 312, WIDTH, 88, colours.near),
        rect(0, 312, WIDTH, 7, colours.far),
    ]


def arcs(colours: Palette, chance: Random) -> Parts:
    """Arches one inside the other, as in an old poster."""
    x = 320 + chance.choice((-40, 0, 40))
    tones = [colours.far, colours.sun, colours.far, colours.sun]
    return [
        _SKY,
        *(circle(x, 330, 270 - 58 * n, tone, faint(0.36 + 0.08 * n)) for n, tone in enumerate(tones)),
        rect(0, 330, WIDTH, 70, colours.near),
    ]


def window(colours: Palette, chance: Random) -> Parts:
    """A tall arched window into the light, beside a shelf."""
    x = chance.choice((92, 388))
    arch = f"M{x} 330V150a80 80 0 0 1 160 0V330Z"
    return [
        _SKY,
        path(arch, colours.sun, faint(0.8)),
        line(f"M{x + 80} 72V330M{x} 200H{x + 160}", colours.far, 5, faint(0.7)),
        rect(0, 324, WIDTH, 76, colours.near),
        rect(0, 324, WIDTH, 6, colours.far),
    ]


def starry(colours: Palette, chance: Random) -> Parts:
    """Night with a moon, over ridges."""
    phase, x = chance.uniform(0, 6), chance.choice((120, 150, 500, 530))
    return [
        _SKY,
        stars(colours, chance, 46),
        circle(x, 88, 34, colours.sun, faint(0.95)),
        circle(x + 13, 78, 29, colours.glow, faint(0.32)),
        path(_wave(286, 30, 90, phase), colours.far),
        path(_wave(334, 14, 150, phase + 3), colours.near),
    ]


def sea(colours: Palette, chance: Random) -> Parts:
    """Water under a low sun."""
    parts = [_SKY, *_sun(colours, chance, 52), rect(0, 268, WIDTH, 132, colours.far)]
    for n, y in enumerate((284, 312, 346)):
        parts.append(path(_wave(y, 5 + 2 * n, 34 + 12 * n, chance.uniform(0, 6)), colours.near, faint(0.4 + 0.25 * n)))
    return parts


def spotlights(colours: Palette, chance: Random) -> Parts:
    """A dark room with beams of light."""
    beams = [
        path(f"M{x} -10L{x + lean - 70} 340H{x + lean + 70}Z", colours.sun, faint(0.13))
        for x, lean in ((120, chance.randint(60, 140)), (320, chance.randint(-60, 60)), (520, -chance.randint(60, 140)))
    ]
    return [_SKY, *beams, rect(0, 330, WIDTH, 70, colours.near), rect(0, 330, WIDTH, 6, colours.far)]


BACKDROPS: dict[str, Callable[[Palette, Random], Parts]] = {
    "hills": hills,
    "meadow": meadow,
    "city": city,
    "table": table,
    "arcs": arcs,
    "window": window,
    "starry": starry,
    "sea": sea,
    "spotlights": spotlights,
}
