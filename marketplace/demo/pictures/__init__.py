"""The offers' pictures: small landscapes and still lifes, drawn by code. No fonts, no scripts, a few KB each."""

from random import Random

from marketplace.demo.pictures import dining, going, home, leisure, things, wearing
from marketplace.demo.pictures.backdrops import BACKDROPS
from marketplace.demo.pictures.canvas import HEIGHT, PALETTES, WIDTH, Scene

SCENES: dict[str, Scene] = {
    **home.SCENES,
    **dining.SCENES,
    **wearing.SCENES,
    **going.SCENES,
    **leisure.SCENES,
    **things.SCENES,
}
"""What can be drawn, by the name that an offer's `art` gives."""


def draw(art: str, variant: str) -> str:
    """Return the picture as SVG text: the same for the same names, another palette and light for another variant."""
    chance = Random(f"{art}:{variant}")  # noqa: S311 - it chooses colours, not secrets
    scene = SCENES[art]
    palette = PALETTES[chance.choice(scene.palettes)]
    backdrop = BACKDROPS[chance.choice(scene.backdrops)]
    parts = [*backdrop(palette, chance), *scene.paint(palette, chance)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice">'
        f'<defs><linearGradient id="s" x1="0" y1="0" x2="0.35" y2="1"><stop offset="0" stop-color="{palette.sky}"/>'
        f'<stop offset="1" stop-color="{palette.glow}"/></linearGradient>'
        '<linearGradient id="l" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#fff" stop-opacity=".34"/>'
        '<stop offset="1" stop-color="#fff" stop-opacity="0"/></linearGradient></defs>'
        f"{''.join(parts)}</svg>"
    )
