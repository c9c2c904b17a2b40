"""Evenings out, learning, and the open air."""

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
    tree,
)


def _cinema(c: Palette, _: Random) -> Parts:
    return [
        path("M150 52h340v172q-170 22 -340 0z", c.paper),
        path("M170 70h300v140q-150 18 -300 0z", c.light),
        circle(388, 118, 24, c.accent),
        path("M170 210v-30q70 -60 130 -20t170 -34v84q-150 18 -300 0z", c.main),
        path("M150 52h340l40 250h-420z", c.paper, faint(0.08)),
        *(rect(54 + 92 * n, 286, 80, 70, c.main, 20) for n in range(6)),
        *(rect(8 + 92 * n, 322, 84, 90, c.dark, 22) for n in range(7)),
        group(
            "rotate(8 500 300)",
            path("M456 236h92l-14 112h-64z", c.paper),
            *(path(f"M{462 + 22 * n} 236h11l-2 112h-11z", c.accent) for n in range(4)),
            *(circle(x, y, 17, c.sun) for x, y in ((470, 228), (496, 214), (524, 222), (540, 234), (506, 234))),
        ),
    ]


def _stage(c: Palette, chance: Random) -> Parts:
    crowd = [circle(x, 372 + chance.randint(-6, 10), 23, c.ink) for x in range(10, 640, 44)]
    hands = "".join(f"M{x} 372l{chance.randint(-10, 10)} {-chance.randint(44, 70)}" for x in range(36, 640, 88))
    return [
        rect(120, 296, 400, 40, c.dark, 6),
        rect(120, 290, 400, 10, c.accent, 4),
        circle(320, 196, 26, c.main),
        path("M286 296l8 -56q26 -26 52 0l8 56z", c.main),
        group(
            "rotate(-24 330 262)",
            ellipse(300, 268, 36, 28, c.accent),
            ellipse(338, 264, 26, 22, c.accent),
            circle(322, 266, 10, c.ink),
            rect(340, 258, 110, 11, c.paper, 4),
        ),
        rect(150, 226, 54, 68, c.ink, 8),
        circle(177, 246, 12, c.far),
        circle(177, 274, 16, c.far),
        rect(436, 226, 54, 68, c.ink, 8),
        circle(463, 246, 12, c.far),
        circle(463, 274, 16, c.far),
        line("M120 70H520", c.ink, 10),
        *(path(f"M{x - 12} 72h24l8 22h-40z", c.accent) for x in (170, 270, 370, 470)),
        *crowd,
        line(hands, c.ink, 13),
    ]


def _theatre(c: Palette, _: Random) -> Parts:
    return [
        path("M40 30H600V350H40Z", c.dark, faint(0.55)),
        circle(320, 190, 120, c.sun, faint(0.25)),
        path("M40 30H250Q236 200 130 350H40Z", c.main),
        path("M600 30H390Q404 200 510 350H600Z", c.main),
        *(line(f"M{x} 40q-6 150 {-x * 0.2 - 10} 296", c.dark, 6, faint(0.4)) for x in (90, 140, 190)),
        *(line(f"M{640 - x} 40q6 150 {x * 0.2 + 10} 296", c.dark, 6, faint(0.4)) for x in (90, 140, 190)),
        path("M40 30H600V66q-46 34 -93 0t-93 0t-94 0t-94 0t-93 0t-93 0z", c.accent),
        path("M232 170q44 -14 88 0q6 78 -44 96q-50 -18 -44 -96z", c.paper),
        path("M322 202q44 -14 88 0q6 78 -44 96q-50 -18 -44 -96z", c.accent),
        line(
            "M254 202q8 -8 16 0M286 202q8 -8 16 0M256 228q20 18 40 0M344 236q8 8 16 0M376 236q8 8 16 0M348 266q18 -16 36 0",
            c.ink,
            6,
        ),
    ]


def _vinyl(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 362, 200),
        rect(118, 110, 404, 244, c.main, 20),
        rect(118, 334, 404, 20, c.dark, 10),
        circle(282, 222, 108, c.ink),
        *(circle(282, 222, r, "none", f' stroke="{c.far}" stroke-width="1.5" opacity=".5"') for r in (94, 80, 66, 54)),
        circle(282, 222, 38, c.accent),
        circle(282, 222, 6, c.paper),
        path("M190 170a108 108 0 0 1 46 -44l18 46a58 58 0 0 0 -22 22z", c.paper, faint(0.2)),
        circle(464, 160, 26, c.light),
        circle(464, 160, 12, c.dark),
        line("M464 160L452 272L376 262", c.paper, 10),
        rect(356, 250, 30, 20, c.paper, 5),
        circle(470, 308, 11, c.accent),
        circle(436, 308, 7, c.light),
    ]


def _kart(c: Palette, _: Random) -> Parts:
    flags = [
        rect(430 + 22 * n, 74 + 22 * m, 22, 22, c.ink if (n + m) % 2 else c.paper) for n in range(5) for m in range(3)
    ]
    return [
        path("M0 400Q180 300 640 312V400Z", c.dark),
        path("M0 400Q180 314 640 326v8Q180 322 20 400Z", c.paper, faint(0.7)),
        rect(420, 70, 8, 210, c.ink, 3),
        *flags,
        line("M60 250h90M40 280h70M84 306h60", c.paper, 7, faint(0.7)),
        ellipse(320, 352, 180, 10, c.ink, faint(0.3)),
        path("M160 320q10 -34 70 -34h60l24 -46h56l-8 46h60q70 4 86 44l-20 10h-316z", c.main),
        path("M160 320h320q-4 14 -22 20h-290z", c.dark),
        circle(326, 190, 36, c.accent),
        path("M322 176h42q4 16 -4 28h-38z", c.ink),
        path("M292 292q4 -60 40 -66q34 8 40 66z", c.light),
        line("M388 262l-30 24", c.ink, 9),
        circle(212, 326, 36, c.ink),
        circle(212, 326, 15, c.far),
        circle(438, 326, 36, c.ink),
        circle(438, 326, 15, c.far),
    ]


def _speech(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 356, 180),
        path("M170 90h200q34 0 34 34v76q0 34 -34 34h-120l-50 46v-46h-30q-34 0 -34 -34v-76q0 -34 34 -34z", c.main),
        line("M182 138h160M182 170h120M182 202h80", c.paper, 12, faint(0.9)),
        path("M290 216h180q32 0 32 32v56q0 32 -32 32h-18v34l-44 -34h-118q-32 0 -32 -32v-56q0 -32 32 -32z", c.accent),
        *(circle(330 + 46 * n, 276, 13, c.paper) for n in range(3)),
        circle(490, 128, 46, c.light),
        line("M444 128h92M490 82q-36 46 0 92M490 82q36 46 0 92", c.dark, 4),
    ]


def _robot(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 360, 150),
        line("M320 96V66", c.dark, 8),
        circle(320, 58, 13, c.accent),
        rect(226, 94, 188, 136, c.main, 40),
        rect(248, 122, 144, 78, c.ink, 26),
        circle(288, 158, 15, c.accent),
        circle(352, 158, 15, c.accent),
        line("M300 182q20 12 40 0", c.accent, 6),
        rect(204, 142, 22, 44, c.dark, 9),
        rect(414, 142, 22, 44, c.dark, 9),
        path("M256 240h128q22 0 22 24v58h-172v-58q0 -24 22 -24z", c.light),
        rect(290, 264, 60, 36, c.paper, 8),
        path("M302 272l-8 10l8 10M338 272l8 10l-8 10", "none", f' stroke="{c.main}" stroke-width="5"'),
        rect(214, 318, 212, 36, c.dark, 18),
        *(circle(240 + 40 * n, 336, 10, c.far) for n in range(5)),
        rect(96, 296, 56, 56, c.accent, 10),
        rect(136, 268, 44, 44, c.near, 9, faint(0.9)),
        rect(486, 302, 50, 50, c.main, 10),
    ]


def _flask(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 310, 356, 190),
        path("M268 84h84v96l76 136q18 40 -28 40h-180q-46 0 -28 -40l76 -136z", c.paper, faint(0.85)),
        path("M236 244q44 18 84 0t74 -2l34 74q18 40 -28 40h-180q-46 0 -28 -40z", c.main),
        path("M352 180l76 136q18 40 -28 40h-40q50 -60 -8 -176z", c.ink, faint(0.1)),
        rect(256, 72, 108, 20, c.dark, 10),
        *(circle(x, y, r, c.light) for x, y, r in ((280, 300, 13), (322, 322, 9), (356, 292, 16), (306, 266, 7))),
        *(circle(x, y, r, c.accent) for x, y, r in ((300, 56, 7), (330, 36, 10), (316, 12, 6))),
        path("M470 170h56v150q0 34 -28 34t-28 -34z", c.paper, faint(0.85)),
        path("M470 246h56v74q0 34 -28 34t-28 -34z", c.accent),
        rect(462, 160, 72, 14, c.dark, 7),
        circle(120, 126, 40, c.accent),
        ellipse(120, 126, 74, 15, "none", f' stroke="{c.dark}" stroke-width="7" transform="rotate(-18 120 126)"'),
    ]


def _brush(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 300, 358, 220),
        path("M120 92h300v246h-300z", c.paper),
        path("M106 84h328v18h-328zM106 332h328v18h-328z", c.main),
        line(
            "M196 160q70 -16 146 -4M268 132q8 96 -60 156M258 206q40 46 92 74M222 214q40 -8 84 -6",
            c.ink,
            15,
            faint(0.88),
        ),
        rect(366, 282, 34, 34, c.accent, 5),
        rect(374, 290, 18, 18, c.paper, 2, faint(0.8)),
        group(
            "rotate(24 500 220)",
            rect(488, 70, 22, 190, c.dark, 10),
            rect(484, 240, 30, 26, c.accent, 5),
            path("M484 266h30q6 50 -15 82q-21 -32 -15 -82z", c.ink),
        ),
        ellipse(548, 352, 62, 15, c.ink),
        ellipse(548, 347, 46, 9, c.dark),
    ]


def _books(c: Palette, chance: Random) -> Parts:
    stack: Parts = []
    y, tones = 346, [c.main, c.accent, c.dark, c.light, c.main]
    for tone in tones:
        width, height, lean = chance.randint(200, 260), chance.randint(30, 42), chance.randint(-18, 18)
        y -= height
        x = 270 - width / 2 + lean
        stack += [
            rect(x, y, width, height, tone, 6),
            rect(x + width - 34, y + 5, 30, height - 10, c.paper, 3),
            rect(x + 24, y, 10, height, c.paper, 0, faint(0.55)),
        ]
    return [
        shadow(c, 320, 354, 200),
        *stack,
        path(f"M270 {y - 6}q-50 -40 -116 -22v-8q66 -18 116 14q50 -32 116 -14v8q-66 -18 -116 22z", c.paper),
        path(f"M270 {y - 6}q-50 -30 -116 -14v6q66 -14 116 14q50 -28 116 -14v-6q-66 -16 -116 14z", c.dark),
        rect(470, 250, 70, 96, c.paper, 12),
        path("M540 270q36 0 32 28t-32 28", "none", f' stroke="{c.paper}" stroke-width="10"'),
        line("M494 236q-10 -14 2 -28t0 -28M518 236q-10 -14 2 -28t0 -28", c.paper, 5, faint(0.7)),
    ]


def _ski(c: Palette, chance: Random) -> Parts:
    flakes = [
        circle(chance.randint(10, 630), chance.randint(10, 330), chance.choice((2, 3, 4)), c.paper, faint(0.9))
        for _ in range(34)
    ]
    return [
        path("M-20 330L150 96L250 226L360 70L560 330Z", c.far),
        path("M150 96l-46 62l24 -6l16 18l20 -20l22 14zM360 70l-52 74l28 -8l20 22l26 -22l26 18z", c.paper),
        path("M0 300Q300 230 640 372V400H0Z", c.paper),
        path("M0 340Q280 280 560 400H0Z", c.glow, faint(0.55)),
        *(tree(c, x, y, h, c.accent) for x, y, h in ((60, 310, 88), (104, 304, 62), (560, 356, 110), (606, 372, 80))),
        group(
            "translate(330 236) rotate(20)",
            line("M-84 76L92 64q14 -2 20 -12M-72 88L104 76", c.ink, 7),
            circle(10, -38, 19, c.main),
            path("M-4 -44h34v10h-34z", c.ink),
            path("M-10 -20q26 -8 34 16l10 34l-40 14q-22 -30 -4 -64z", c.main),
            line("M-2 40l34 16l-12 16M10 34l38 18l-8 18", c.dark, 15),
            line("M20 2l34 18l-64 44", c.ink, 5),
            line("M20 2l34 18", c.main, 12),
        ),
        *flakes,
    ]


def _mountain(c: Palette, chance: Random) -> Parts:
    return [
        path("M20 340L210 70L310 210L390 122L600 340Z", c.main),
        path("M210 70L310 210L390 122L600 340H320Z", c.dark, faint(0.35)),
        path("M210 70l-58 82l30 -8l22 24l28 -26l32 20zM390 122l-38 42l22 -4l16 16l22 -18l26 12z", c.paper),
        path("M0 352q160 -44 320 -18t320 0v66H0z", c.near),
        line("M40 120L610 40", c.ink, 3),
        *(
            group(
                f"translate({x} {y})",
                line("M0 0v26", c.ink, 4),
                rect(-26, 26, 52, 40, c.accent, 10),
                rect(-18, 34, 36, 16, c.paper, 5),
            )
            for x, y in ((168, 102), (444, 63))
        ),
        *(
            circle(
                chance.randint(20, 620),
                chance.randint(352, 392),
                chance.choice((4, 6)),
                chance.choice((c.accent, c.light, c.paper)),
            )
            for _ in range(34)
        ),
        tree(c, 90, 356, 84, c.dark),
        tree(c, 548, 356, 96, c.dark),
    ]


def _desert(c: Palette, _: Random) -> Parts:
    camel = (
        "M0 0v-34q-2 -20 14 -24q12 -24 26 -2q10 -24 26 0q12 -2 16 -16l2 -20q6 -12 24 -6"
        "l4 10l-18 6q0 40 -20 52v34h-8v-28h-38v28h-8v-30l-10 2v28z"
    )
    return [
        path("M0 280Q150 180 320 262T640 220V400H0Z", c.far),
        path("M0 330Q170 230 300 300Q190 330 0 380Z", c.main, faint(0.5)),
        path("M0 350Q220 260 420 330T640 300V400H0Z", c.near),
        path("M420 330q110 26 220 -30v100H200q150 -10 220 -70z", c.dark, faint(0.3)),
        *(
            group(f"translate({x} {y}) scale({s})", path(camel, c.ink))
            for x, y, s in ((150, 330, 0.66), (230, 318, 0.7), (316, 316, 0.76))
        ),
        rect(470, 196, 20, 94, c.dark),
        *(path(f"M{480 - w} {y}q{w} -26 {2 * w} 0z", c.ink) for w, y in ((44, 214), (52, 244), (60, 276))),
        rect(446, 276, 70, 30, c.dark),
    ]


def _lantern(c: Palette, _: Random) -> Parts:
    def lantern(x: float, y: float, s: float) -> str:
        return group(
            f"translate({x} {y}) scale({s})",
            line("M0 -90V-40", c.ink, 3),
            ellipse(0, 0, 46, 40, c.main),
            ellipse(0, 0, 22, 40, c.light, faint(0.6)),
            rect(-18, -46, 36, 11, c.accent, 3),
            rect(-18, 36, 36, 11, c.accent, 3),
            line("M-8 48v26M0 48v34M8 48v26", c.accent, 3),
            circle(0, 0, 76, c.accent, faint(0.13)),
        )

    roofs = [
        path(f"M{x - 22} {y}q26 -8 40 -40h{w - 36}q14 32 40 40z", c.dark)
        + rect(x, y, w, 340 - y, c.paper, 0, faint(0.94))
        for x, y, w in ((20, 250, 150), (458, 234, 170), (196, 272, 120), (336, 262, 110))
    ]
    return [
        *roofs,
        *(
            rect(x, y, 26, 40, c.main, 3, faint(0.85))
            for x, y in ((48, 276), (110, 276), (226, 292), (276, 292), (362, 286), (406, 286), (492, 264), (560, 264))
        ),
        rect(0, 336, 640, 64, c.near),
        path("M240 400l50 -64h60l50 64z", c.far, faint(0.7)),
        line("M0 96Q320 164 640 80", c.ink, 3),
        lantern(150, 208, 0.8),
        lantern(320, 214, 1),
        lantern(490, 190, 0.86),
    ]


def _swim(c: Palette, _: Random) -> Parts:
    return [
        rect(0, 190, 640, 210, c.main),
        *(
            line(f"M-20 {y}q40 -14 80 0t80 0t80 0t80 0t80 0t80 0t80 0t80 0t80 0", c.light, 5, faint(0.55))
            for y in (214, 262, 316, 372)
        ),
        *(circle(14 + 36 * n, 236, 9, c.accent if n % 2 else c.paper) for n in range(18)),
        *(circle(14 + 36 * n, 346, 9, c.accent if n % 2 else c.paper) for n in range(18)),
        path("M250 300q-20 -96 70 -96q64 6 88 48l-20 16q-30 -34 -62 -30q-30 6 -24 62z", c.sun),
        circle(270, 280, 35, c.sun),
        path("M236 274q2 -40 40 -36q32 6 30 36z", c.accent),
        rect(278, 276, 30, 14, c.ink, 7),
        path("M180 310q70 -26 150 0t130 -8q-20 30 -140 30t-140 -22z", c.paper, faint(0.75)),
        rect(0, 180, 640, 14, c.paper),
    ]


SCENES = {
    "cinema": Scene(_cinema, ("spotlights",), ("dusk", "night")),
    "stage": Scene(_stage, ("spotlights",), ("dusk", "night")),
    "theatre": Scene(_theatre, ("spotlights",), ("ember", "rose", "plum")),
    "vinyl": Scene(_vinyl, ("arcs", "window"), ("sand", "dusk", "teal")),
    "kart": Scene(_kart, ("city", "hills"), ("dawn", "mist", "lemon")),
    "speech": Scene(_speech, ("arcs", "table"), ("mist", "sage", "plum")),
    "robot": Scene(_robot, ("arcs", "table"), ("teal", "lemon", "mist")),
    "flask": Scene(_flask, ("table", "arcs"), ("plum", "teal", "sage")),
    "brush": Scene(_brush, ("window", "table"), ("sand", "sage", "dawn")),
    "books": Scene(_books, ("window", "table", "arcs"), ("sage", "dawn", "mist", "plum", "lemon")),
    "ski": Scene(_ski, ("meadow",), ("snow", "mist")),
    "mountain": Scene(_mountain, ("meadow",), ("mist", "sage", "dawn", "rose")),
    "desert": Scene(_desert, ("meadow",), ("sand", "ember", "dusk")),
    "lantern": Scene(_lantern, ("meadow",), ("dusk", "ember", "dawn")),
    "swim": Scene(_swim, ("meadow",), ("teal", "mist")),
}
