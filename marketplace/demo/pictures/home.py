"""Places to sleep and to live."""

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
    stars,
    steam,
    tree,
)


def _hotel(c: Palette, chance: Random) -> Parts:
    parts = [shadow(c, 320, 352, 190), rect(220, 96, 200, 256, c.main, 6), rect(220, 96, 58, 256, c.dark, 6)]
    for row in range(6):
        for column in range(4):
            tone = c.accent if chance.random() < 0.45 else c.light
            parts.append(rect(236 + 44 * column, 116 + 32 * row, 26, 18, tone, 3))
    parts += [
        rect(296, 308, 48, 44, c.ink, 4),
        path("M276 308h88l-12 -16h-64z", c.accent),
        rect(200, 344, 240, 10, c.paper, 4),
    ]
    parts += [rect(256, 78, 128, 20, c.paper, 6), *(circle(276 + 22 * n, 88, 5, c.accent) for n in range(5))]
    return [*parts, tree(c, 180, 354, 90, c.dark), tree(c, 468, 354, 70, c.dark), tree(c, 500, 356, 104, c.dark)]


def _bed(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 350, 200),
        rect(150, 150, 340, 150, c.dark, 26),
        rect(166, 164, 308, 120, c.main, 20),
        rect(186, 214, 120, 62, c.paper, 22),
        rect(334, 214, 120, 62, c.paper, 22),
        path("M140 270q0 -20 24 -20h312q24 0 24 20v64h-360z", c.paper),
        path("M140 292q180 -34 360 0v44h-360z", c.light),
        path("M140 312q180 -30 360 0v24h-360z", c.main),
        rect(150, 332, 16, 22, c.ink, 4),
        rect(474, 332, 16, 22, c.ink, 4),
        rect(524, 268, 56, 8, c.dark, 3),
        rect(546, 276, 12, 76, c.dark),
        path("M530 268l12 -48h20l12 48z", c.accent),
        circle(552, 262, 46, c.accent, faint(0.2)),
    ]


def _window(c: Palette, _: Random) -> Parts:
    return [
        rect(190, 60, 260, 220, c.paper, 14),
        rect(204, 74, 232, 192, c.light, 8),
        circle(382, 122, 26, c.accent),
        path("M204 236q60 -60 116 -18t116 -30v78h-232z", c.main, faint(0.85)),
        path("M204 250q70 -34 130 -8t102 -14v38h-232z", c.dark),
        line("M320 74V266M204 170H436", c.paper, 8),
        path("M176 50h56q-6 120 -30 240h-30z", c.accent, faint(0.9)),
        path("M464 50h-56q6 120 30 240h30z", c.accent, faint(0.9)),
        shadow(c, 320, 348, 130),
        path("M250 346l70 -96 70 96z", c.paper),
        path("M300 346l20 -44 20 44z", c.dark),
        line("M320 250v-16", c.dark, 5),
        path("M320 232l26 8 -26 8z", c.accent),
        circle(424, 330, 18, c.main),
        circle(424, 304, 12, c.main),
        circle(416, 294, 5, c.main),
        circle(432, 294, 5, c.main),
    ]


def _courtyard(c: Palette, chance: Random) -> Parts:
    blossoms = [
        circle(
            418 + chance.randint(-74, 74), 138 + chance.randint(-50, 46), chance.choice((7, 9, 12)), tone, faint(0.92)
        )
        for tone in (c.light, c.paper, c.accent)
        for _ in range(11)
    ]
    return [
        rect(70, 180, 500, 156, c.paper),
        path("M52 184q24 -34 60 -40h416q36 6 60 40z", c.dark),
        path("M52 184q10 4 24 0l4 -12zM588 184q-10 4 -24 0l-4 -12z", c.ink),
        rect(70, 184, 500, 8, c.ink, 0, faint(0.25)),
        circle(252, 264, 60, c.main),
        circle(252, 264, 50, c.far),
        path("M206 286q46 -34 92 0a50 50 0 0 1 -92 0z", c.near),
        line("M418 336q-10 -70 6 -118t-8 -70M424 226q28 -30 44 -66M420 250q-30 -26 -52 -70", c.ink, 9),
        *blossoms,
        rect(110, 220, 44, 70, c.light, 4),
        line("M132 220V290M110 255H154", c.main, 4),
        shadow(c, 320, 356, 210),
        rect(300, 330, 84, 10, c.main, 4),
        rect(310, 340, 8, 20, c.dark),
        rect(366, 340, 8, 20, c.dark),
    ]


def _key(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 352, 120),
        group(
            "rotate(-32 320 210)",
            circle(238, 210, 62, c.accent),
            circle(238, 210, 34, c.dark),
            circle(238, 210, 26, c.main),
            rect(296, 198, 170, 24, c.accent, 8),
            rect(404, 218, 18, 34, c.accent, 4),
            rect(438, 218, 18, 44, c.accent, 4),
            rect(296, 198, 170, 9, c.paper, 4, faint(0.4)),
        ),
        line("M262 262q18 40 58 42", c.dark, 5),
        rect(316, 268, 92, 70, c.main, 12),
        rect(316, 268, 92, 70, "url(#l)", 12),
        circle(332, 303, 6, c.paper),
        line("M352 292h36M352 312h24", c.paper, 7),
    ]


def _cabin(c: Palette, _: Random) -> Parts:
    back = [
        tree(c, x, 344, h, c.dark) for x, h in ((96, 150), (142, 110), (186, 176), (468, 164), (512, 120), (556, 184))
    ]
    return [
        *back,
        shadow(c, 320, 350, 170),
        path("M320 92L190 350H450Z", c.dark),
        path("M320 128L226 350H414Z", c.main),
        path("M320 128L226 350H254L320 196Z", c.ink, faint(0.18)),
        path("M320 176l40 94h-80z", c.accent),
        line("M320 176V270M296 234H344", c.dark, 6),
        rect(296, 290, 48, 60, c.ink, 4),
        circle(334, 322, 3, c.accent),
        rect(240, 344, 160, 10, c.light, 4),
        rect(384, 120, 20, 56, c.dark),
        line("M394 112c-10 -14 12 -22 2 -40", c.paper, 7, faint(0.7)),
        circle(320, 236, 96, c.accent, faint(0.13)),
        tree(c, 238, 362, 60, c.near),
        tree(c, 424, 364, 76, c.near),
    ]


def _tent(c: Palette, chance: Random) -> Parts:
    return [
        stars(c, chance, 20, 150),
        shadow(c, 290, 350, 170),
        path("M150 348a140 140 0 0 1 280 0z", c.light),
        path("M150 348a140 140 0 0 1 280 0z", "url(#l)"),
        line("M290 208V348M218 228q-20 50 -18 120M362 228q20 50 18 120", c.dark, 4, faint(0.55)),
        path("M256 348q4 -70 34 -84q30 14 34 84z", c.accent),
        path("M290 264q30 14 34 84h-34z", c.dark, faint(0.35)),
        circle(290, 300, 110, c.accent, faint(0.16)),
        ellipse(500, 352, 44, 8, c.ink, faint(0.2)),
        line("M472 350l56 -14M472 336l56 14", c.dark, 10),
        path("M500 338q-34 -22 -8 -62q2 20 14 20q-2 -26 10 -40q26 50 -16 82z", c.main),
        path("M500 338q-16 -14 0 -38q16 22 0 38z", c.accent),
        circle(500, 300, 66, c.accent, faint(0.16)),
    ]


def _spring(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 366, 230),
        ellipse(320, 318, 220, 52, c.dark),
        ellipse(320, 308, 206, 44, c.light),
        ellipse(320, 308, 206, 44, "url(#l)"),
        line("M210 306q30 -10 60 0t60 0M300 328q26 -8 52 0t52 0", c.paper, 5, faint(0.8)),
        *(
            ellipse(x, y, w, h, c.ink, faint(0.75))
            for x, y, w, h in ((128, 318, 40, 26), (184, 352, 36, 20), (508, 322, 44, 30), (452, 354, 34, 18))
        ),
        steam(c, 330, 270, 4, 40),
        rect(86, 150, 12, 150, c.dark, 5),
        rect(80, 150, 130, 14, c.main, 7),
        line("M204 166q6 60 2 116", c.paper, 7, faint(0.85)),
        rect(470, 246, 60, 8, c.main, 3),
        path("M478 246l4 -28h30l4 28z", c.accent),
        tree(c, 566, 300, 150, c.main),
    ]


def _house(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 352, 170),
        rect(216, 206, 208, 146, c.paper, 4),
        rect(216, 206, 62, 146, c.ink, 0, faint(0.08)),
        path("M190 216L320 112L450 216Z", c.main),
        path("M190 216L320 112L340 128L230 216Z", c.dark),
        rect(380, 124, 26, 54, c.dark),
        rect(296, 272, 48, 80, c.main, 5),
        circle(334, 314, 4, c.accent),
        rect(238, 240, 44, 44, c.accent, 4),
        rect(358, 240, 44, 44, c.accent, 4),
        line("M260 240V284M238 262H282M380 240V284M358 262H402", c.paper, 5),
        tree(c, 172, 354, 110, c.near),
        tree(c, 480, 356, 84, c.near),
        path(
            "M320 60a300 300 0 0 1 210 70",
            "none",
            f' stroke="{c.paper}" stroke-width="10" stroke-linecap="round" opacity=".55"',
        ),
    ]


SCENES = {
    "hotel": Scene(_hotel, ("city",), ("dusk", "night", "mist", "dawn")),
    "bed": Scene(_bed, ("window", "table"), ("sage", "sand", "mist")),
    "window": Scene(_window, ("table",), ("dawn", "lemon", "rose")),
    "courtyard": Scene(_courtyard, ("meadow",), ("rose", "sage", "sand")),
    "key": Scene(_key, ("arcs", "table"), ("teal", "plum", "sand")),
    "cabin": Scene(_cabin, ("hills", "starry"), ("night", "sage", "dusk")),
    "tent": Scene(_tent, ("starry",), ("night", "dusk")),
    "spring": Scene(_spring, ("hills",), ("teal", "mist")),
    "house": Scene(_house, ("hills", "meadow"), ("teal", "dawn", "mist")),
}
