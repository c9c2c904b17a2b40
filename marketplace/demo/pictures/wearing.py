"""Things to wear."""

from random import Random

from marketplace.demo.pictures.canvas import (
    Palette,
    Parts,
    Scene,
    circle,
    ellipse,
    faint,
    group,
    line,
    path,
    rect,
    shadow,
)

_HOOK = "M320 118v-20q0 -14 12 -16t12 -14q-4 -14 -18 -12"


def _shirt(c: Palette, _: Random) -> Parts:
    return [
        line("M60 84H580", c.dark, 9),
        line(_HOOK, c.ink, 6),
        shadow(c, 320, 368, 110, 7),
        path(
            "M262 116q58 26 116 0l72 38q18 56 26 116l-50 14l-16 -60v132h-180v-132l-16 60l-50 -14q8 -60 26 -116z", c.main
        ),
        path("M378 116l72 38q18 56 26 116l-50 14l-16 -60v132h-44q30 -120 12 -240z", c.dark, faint(0.4)),
        path("M262 116l58 48l-34 30l-40 -64zM378 116l-58 48l34 30l40 -64z", c.light),
        line("M320 166V354", c.dark, 4, faint(0.7)),
        *(circle(320, y, 5, c.paper) for y in (198, 232, 266, 300, 334)),
        rect(350, 216, 40, 42, c.light, 4, faint(0.8)),
        path("M232 250q14 40 4 100l-6 6v-132z", c.ink, faint(0.12)),
    ]


def _scarf(c: Palette, _: Random) -> Parts:
    fringe = "".join(f"M{x} 348v20" for x in range(234, 300, 11)) + "".join(f"M{x} 322v20" for x in range(356, 416, 11))
    return [
        shadow(c, 320, 374, 130, 7),
        path("M226 196q94 -92 190 0q34 44 -22 66q-72 24 -146 0q-56 -22 -22 -66z", c.dark),
        path("M252 208q68 -52 138 0q14 22 -14 32q-56 16 -110 0q-28 -10 -14 -32z", c.ink, faint(0.45)),
        path("M226 196q-36 60 52 78q96 12 136 -76q34 44 -20 74q-72 34 -146 0q-56 -30 -22 -76z", c.main),
        path("M346 262l72 -14v74h-66z", c.dark),
        path("M232 250q30 34 72 24l-4 74h-72z", c.main),
        path("M232 300h70M230 324h70", "none", f' stroke="{c.accent}" stroke-width="11"'),
        path("M352 290h66", "none", f' stroke="{c.accent}" stroke-width="11" opacity=".8"'),
        line("M250 236q60 30 130 0", c.light, 7, faint(0.7)),
        line(fringe, c.main, 5),
        path("M330 246q34 -12 44 10q-10 26 -44 18q-18 -14 0 -28z", c.light),
    ]


def _hanger(c: Palette, _: Random) -> Parts:
    def garment(x: float, tone: str, edge: str, length: float) -> str:
        return group(
            f"translate({x} 0)",
            line("M0 96q0 -18 10 -18t6 -14", c.ink, 5),
            line("M-58 140L0 104L58 140", c.ink, 6),
            path(f"M-30 122q30 18 60 0l34 26l-10 44l-12 -4v{length}h-84v-{length}l-12 4l-10 -44z", tone),
            path(f"M30 122l34 26l-10 44l-12 -4v{length}h-26q14 -90 -4 -206z", edge, faint(0.4)),
        )

    return [
        line("M70 76H570M96 76V366M544 76V366", c.dark, 9),
        shadow(c, 320, 372, 230, 7),
        garment(180, c.light, c.main, 110),
        garment(276, c.main, c.dark, 158),
        garment(372, c.paper, c.far, 130),
        garment(464, c.accent, c.dark, 146),
    ]


def _jacket(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 372, 130, 8),
        path("M252 112q-4 -62 68 -64q72 2 68 64q-68 44 -136 0z", c.dark),
        path("M268 108q4 -40 52 -42q48 2 52 42q-52 36 -104 0z", c.ink, faint(0.5)),
        path(
            "M252 104q68 44 136 0l62 34q26 92 24 176l-48 6l-14 -96v142h-184v-142l-14 96l-48 -6q-2 -84 24 -176z", c.main
        ),
        path("M388 104l62 34q26 92 24 176l-48 6l-14 -96v142h-36q34 -140 12 -262z", c.dark, faint(0.4)),
        path("M228 168h184v44h-184z", c.accent),
        line("M320 132V364", c.ink, 6),
        line("M320 132V364", c.paper, 2),
        line("M246 262l40 26M394 262l-40 26", c.light, 6),
        rect(306, 320, 28, 8, c.paper, 3),
        line("M228 212h184", c.paper, 4, faint(0.8)),
        line("M168 306l44 6M428 312l44 -6", c.light, 7),
        circle(372, 190, 9, c.paper),
    ]


def _boot(c: Palette, _: Random) -> Parts:
    laces = "".join(f"M{300 + n * 13} {176 + n * 24}l44 -10" for n in range(4))
    return [
        shadow(c, 330, 360, 190),
        path("M222 108q54 18 104 0q-2 58 22 88q20 24 72 36q54 14 56 68v14h-262q6 -120 8 -206z", c.main),
        path("M222 108q30 12 60 8q-22 110 -14 198h-54q6 -120 8 -206z", c.dark, faint(0.6)),
        path("M348 196q20 24 72 36q54 14 56 68h-90q-6 -66 -38 -104z", c.light, faint(0.5)),
        path(
            "M208 312h270q6 16 0 34h-34l-6 -12h-30l-6 12h-34l-6 -12h-30l-6 12h-34l-6 -12h-30l-6 12h-36q-8 -18 -2 -34z",
            c.ink,
        ),
        rect(208, 306, 270, 12, c.accent, 4),
        line(laces, c.paper, 7),
        path("M214 96q60 24 120 0l4 24q-62 22 -124 0z", c.dark),
        path("M216 104q-26 -6 -22 -34q18 -2 26 28z", c.accent),
    ]


def _socks(c: Palette, _: Random) -> Parts:
    def sock(x: float, turn: float, tone: str, edge: str) -> str:
        return group(
            f"translate({x} 0) rotate({turn} 0 220)",
            path("M-38 96h76v120q6 22 52 42q40 24 14 58q-14 12 -44 6q-70 -16 -98 -66z", tone),
            rect(-42, 92, 84, 34, edge, 8),
            path("M90 258q40 24 14 58q-14 12 -44 6q-8 -44 30 -64z", edge),
            path("M-38 200v56q10 18 26 30q20 -40 -26 -86z", edge),
            line("M-38 146h76M-38 168h76", c.paper, 7, faint(0.85)),
        )

    return [shadow(c, 330, 362, 190), sock(392, 8, c.accent, c.dark), sock(232, -6, c.main, c.light)]


def _lotus(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 358, 200),
        rect(126, 340, 388, 16, c.main, 8),
        rect(126, 340, 388, 6, c.light, 3),
        circle(320, 200, 148, c.sun, faint(0.35)),
        circle(320, 116, 36, c.dark),
        path("M298 92q22 -34 44 0q-4 -30 -22 -30t-22 30z", c.ink),
        path("M320 154q44 2 56 54l10 68h-132l10 -68q12 -52 56 -54z", c.accent),
        path("M344 158q26 8 32 50l10 68h-36q10 -60 -6 -118z", c.ink, faint(0.14)),
        line("M268 182q-48 52 -96 96M372 182q48 52 96 96", c.dark, 21),
        path(
            "M320 272q116 -4 152 44q10 24 -26 26q-80 -6 -126 -34q-46 28 -126 34q-36 -2 -26 -26q36 -48 152 -44z", c.main
        ),
        path("M320 272q60 20 0 36q-60 -16 0 -36z", c.dark, faint(0.5)),
        ellipse(168, 284, 16, 13, c.dark),
        ellipse(472, 284, 16, 13, c.dark),
        path("M92 346q-16 -40 10 -66q20 34 -10 66zM548 346q16 -40 -10 -66q-20 34 10 66z", c.near),
    ]


def _dumbbell(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 352, 210),
        group(
            "rotate(-14 320 240)",
            rect(212, 226, 216, 28, c.paper, 12),
            rect(212, 240, 216, 14, c.far, 7),
            *(line(f"M{x} 228v24", c.near, 3) for x in range(290, 356, 11)),
            rect(176, 166, 44, 148, c.main, 14),
            rect(136, 186, 44, 108, c.dark, 14),
            rect(112, 222, 26, 36, c.ink, 8),
            rect(420, 166, 44, 148, c.main, 14),
            rect(460, 186, 44, 108, c.dark, 14),
            rect(502, 222, 26, 36, c.ink, 8),
            rect(176, 166, 14, 148, c.light, 7, faint(0.7)),
            rect(420, 166, 14, 148, c.light, 7, faint(0.7)),
        ),
        rect(456, 306, 42, 44, c.accent, 8),
        rect(464, 288, 26, 20, c.paper, 5),
        line("M120 104l24 24M150 84v34M92 130h34", c.accent, 8, faint(0.8)),
    ]


SCENES = {
    "shirt": Scene(_shirt, ("window", "arcs"), ("mist", "plum", "sage", "sand")),
    "scarf": Scene(_scarf, ("arcs", "table"), ("rose", "sand", "plum")),
    "hanger": Scene(_hanger, ("window",), ("rose", "sage", "plum")),
    "jacket": Scene(_jacket, ("hills",), ("mist", "snow", "teal")),
    "boot": Scene(_boot, ("hills", "meadow"), ("sand", "sage", "dawn")),
    "socks": Scene(_socks, ("arcs", "table"), ("lemon", "snow", "plum")),
    "lotus": Scene(_lotus, ("meadow", "hills"), ("sage", "plum", "dawn")),
    "dumbbell": Scene(_dumbbell, ("arcs", "table"), ("teal", "mist", "night")),
}
