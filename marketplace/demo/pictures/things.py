"""Things to own, to give, and to be safe with."""

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
    spark,
    tree,
)


def drone(c: Palette, x: float, y: float, scale: float) -> str:
    """Return a quadcopter in the air, its middle at the point."""
    blades = [
        ellipse(bx, by, 62, 7, c.paper, faint(0.75)) + rect(bx - 7, by, 14, 22, c.ink, 5)
        for bx, by in ((-128, -44), (128, -44), (-104, -8), (104, -8))
    ]
    return group(
        f"translate({x} {y}) scale({scale})",
        line("M-128 -24L-40 2M128 -24L40 2M-104 12L-34 14M104 12L34 14", c.dark, 13),
        *blades,
        path("M-62 -6q4 -28 62 -30q58 2 62 30q-2 34 -62 38q-60 -4 -62 -38z", c.main),
        path("M-62 -6q4 -28 62 -30q58 2 62 30q-62 -22 -124 0z", c.light),
        path("M20 -34q40 6 42 28q-2 34 -46 38q30 -30 4 -66z", c.ink, faint(0.14)),
        rect(-20, 24, 40, 34, c.ink, 12),
        circle(0, 42, 12, c.far),
        circle(0, 42, 6, c.ink),
        circle(-44, 6, 5, c.accent),
        circle(44, 6, 5, c.accent),
        line("M-46 30l-10 32M46 30l10 32", c.dark, 6),
    )


def _drone(c: Palette, _: Random) -> Parts:
    return [ellipse(320, 352, 130, 10, c.ink, faint(0.2)), drone(c, 320, 196, 1.34)]


def _dronehill(c: Palette, _: Random) -> Parts:
    return [
        line("M90 330Q200 210 330 190", c.paper, 5, ' stroke-dasharray="2 16" opacity=".9"'),
        drone(c, 400, 150, 0.82),
        tree(c, 520, 344, 120, c.main),
        tree(c, 566, 348, 80, c.main),
        tree(c, 486, 350, 66, c.main),
        ellipse(98, 372, 40, 6, c.ink, faint(0.25)),
        circle(96, 284, 17, c.dark),
        path("M80 304h32l8 66h-16l-8 -36l-8 36h-16z", c.dark),
        path("M84 306h26q6 20 4 34h-34z", c.accent),
        line("M108 316l26 10", c.dark, 9),
        rect(128, 318, 26, 15, c.ink, 4),
        line("M152 320l8 -18", c.ink, 3),
    ]


def _camera(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 354, 170),
        rect(180, 136, 280, 208, c.main, 38),
        path("M180 300h280v6q0 38 -38 38h-204q-38 0 -38 -38z", c.dark),
        rect(180, 136, 280, 208, "url(#l)", 38),
        rect(214, 118, 60, 24, c.accent, 9),
        circle(346, 238, 84, c.ink),
        circle(346, 238, 70, c.dark),
        circle(346, 238, 50, c.far),
        circle(346, 238, 32, c.ink),
        circle(330, 222, 12, c.paper, faint(0.9)),
        circle(362, 254, 6, c.paper, faint(0.6)),
        rect(206, 166, 46, 34, c.ink, 9),
        rect(213, 173, 32, 20, c.light, 5),
        circle(228, 226, 7, c.accent),
        line("M96 352q44 -70 90 -60", c.dark, 12),
        ellipse(96, 352, 44, 10, c.dark),
    ]


def _gimbal(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 318, 362, 90),
        rect(288, 232, 62, 128, c.main, 26),
        rect(288, 232, 24, 128, c.light, 12, faint(0.6)),
        circle(319, 274, 15, c.ink),
        circle(319, 274, 6, c.accent),
        line("M319 240V196H404V140", c.dark, 21),
        circle(319, 198, 18, c.main),
        circle(404, 138, 21, c.main),
        group(
            "rotate(-7 320 130)",
            rect(168, 78, 300, 126, c.ink, 20),
            rect(180, 90, 276, 102, c.light, 12),
            path("M180 192v-26q70 -46 124 -8t152 -26v60z", c.main),
            circle(394, 120, 17, c.accent),
            path("M190 102h24M190 102v18M446 180h-24M446 180v-18", "none", f' stroke="{c.paper}" stroke-width="5"'),
        ),
        circle(404, 138, 11, c.dark),
    ]


def _lamp(c: Palette, _: Random) -> Parts:
    return [
        path("M196 176L120 332H404L330 176Z", c.sun, faint(0.45)),
        shadow(c, 400, 356, 100),
        ellipse(424, 342, 84, 16, c.dark),
        ellipse(424, 336, 84, 16, c.main),
        line("M424 334L470 214L300 108", c.main, 13),
        circle(470, 214, 14, c.accent),
        group(
            "rotate(24 268 132)",
            path("M214 116q54 -58 108 0l26 60h-160z", c.accent),
            path("M188 176h160q-80 26 -160 0z", c.paper),
        ),
        path("M110 326q60 -22 116 0q56 -22 116 0v20q-60 -18 -116 4q-56 -22 -116 -4z", c.paper),
        line("M226 328v20M136 332q40 -8 70 2M246 334q34 -10 74 -2", c.far, 4),
        rect(126, 344, 200, 9, c.dark, 4),
    ]


def _pot(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 354, 180),
        rect(134, 222, 60, 22, c.dark, 11),
        rect(446, 222, 60, 22, c.dark, 11),
        path("M170 208h300v86q0 56 -60 56h-180q-60 0 -60 -56z", c.main),
        path("M410 208h60v86q0 56 -60 56h-50q56 -40 50 -142z", c.dark, faint(0.55)),
        rect(158, 196, 324, 24, c.light, 12),
        path("M176 196q20 -60 144 -62q124 2 144 62z", c.main),
        path("M390 148q62 18 74 48h-62q4 -26 -12 -48z", c.dark, faint(0.5)),
        rect(296, 112, 48, 24, c.accent, 11),
        line("M204 240q-2 50 16 76", c.paper, 10, faint(0.45)),
        line("M214 180q30 -26 70 -30", c.paper, 8, faint(0.5)),
        path("M520 346q-26 -32 2 -64q26 32 -2 64zM546 348q4 -34 36 -40q0 36 -36 40z", c.near),
    ]


def _candle(c: Palette, _: Random) -> Parts:
    def one(x: float, top: float, width: float, tone: str) -> str:
        return group(
            f"translate({x} 0)",
            circle(0, top - 40, 66, c.accent, faint(0.16)),
            rect(-width / 2, top, width, 346 - top, tone, 12),
            ellipse(0, top + 5, width / 2 - 3, 9, c.paper, faint(0.6)),
            line(f"M0 {top + 4}v-16", c.ink, 4),
            path(f"M0 {top - 62}q24 32 0 52q-24 -20 0 -52z", c.accent),
            path(f"M0 {top - 40}q10 16 0 28q-10 -12 0 -28z", c.paper),
            rect(-width / 2 + 12, top + 40, width - 24, 50, c.paper, 5, faint(0.85)),
            line(f"M{-width / 4} {top + 58}h{width / 2}M{-width / 6} {top + 72}h{width / 3}", c.dark, 4),
        )

    return [
        shadow(c, 320, 352, 200),
        one(214, 216, 92, c.light),
        one(424, 190, 96, c.dark),
        one(318, 244, 104, c.main),
        path("M520 348q-14 -50 22 -80q14 50 -22 80zM104 348q14 -40 -16 -66q-16 42 16 66z", c.near),
    ]


def _picnic(c: Palette, _: Random) -> Parts:
    return [
        path("M90 356L170 300H470L550 356Z", c.paper),
        *(path(f"M{110 + 76 * n} {342}l22 -14h42l-16 14z", c.accent, faint(0.75)) for n in range(6)),
        path("M214 196q106 -130 212 0", "none", f' stroke="{c.dark}" stroke-width="15"'),
        path("M176 200h288l-26 136h-236z", c.main),
        path("M438 200h26l-26 136h-60q48 -60 60 -136z", c.dark, faint(0.4)),
        *(line(f"M186 {y}H454", c.light, 5, faint(0.6)) for y in (232, 264, 296)),
        *(line(f"M{x} 206L{x + 4} 330", c.dark, 4, faint(0.4)) for x in (230, 276, 322, 368, 414)),
        rect(164, 186, 312, 24, c.dark, 10),
        path("M300 188q30 -44 96 -22l-10 24z", c.paper),
        line("M316 178l60 6", c.accent, 5),
        rect(470, 258, 42, 90, c.near, 12),
        rect(480, 230, 22, 34, c.near, 6),
        rect(482, 222, 18, 13, c.accent, 4),
        circle(142, 322, 19, c.accent),
        path("M142 304q4 -12 14 -12", "none", f' stroke="{c.dark}" stroke-width="4"'),
    ]


def _heart(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 362, 120),
        path("M320 340C170 244 176 120 258 116Q302 116 320 160Q338 116 382 116C464 120 470 244 320 340Z", c.main),
        path("M382 116C464 120 470 244 320 340C400 250 420 180 382 116Z", c.dark, faint(0.4)),
        path(
            "M222 164q10 -26 34 -28",
            "none",
            f' stroke="{c.paper}" stroke-width="11" stroke-linecap="round" opacity=".7"',
        ),
        line("M96 226H238L262 182L296 278L330 196L350 226H544", c.paper, 11),
        line("M96 226H238L262 182L296 278L330 196L350 226H544", c.accent, 5),
        circle(96, 226, 10, c.accent),
        circle(544, 226, 10, c.accent),
    ]


def _smile(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 358, 110),
        path(
            "M226 132q46 -36 94 -8q48 -28 94 8q34 48 4 112q-10 24 -16 66q-8 36 -36 32q-16 -4 -22 -50"
            "q-4 -34 -24 -34t-24 34q-6 46 -22 50q-28 4 -36 -32q-6 -42 -16 -66q-30 -64 4 -112z",
            c.paper,
        ),
        path("M414 132q34 48 4 112q-10 24 -16 66q-8 36 -36 32q-10 -4 -14 -22q34 -80 62 -188z", c.far, faint(0.6)),
        path("M262 196q58 54 116 0", "none", f' stroke="{c.main}" stroke-width="12" stroke-linecap="round"'),
        circle(276, 172, 8, c.main),
        circle(364, 172, 8, c.main),
        path("M248 150q12 -18 32 -14", "none", f' stroke="{c.light}" stroke-width="9" stroke-linecap="round"'),
        spark(460, 116, 24, c.accent),
        spark(184, 158, 15, c.accent),
        spark(478, 214, 12, c.accent),
        group("rotate(36 520 290)", rect(506, 220, 20, 150, c.main, 9), rect(500, 190, 32, 54, c.accent, 7)),
    ]


def _stones(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 362, 210),
        ellipse(320, 330, 132, 34, c.dark),
        ellipse(312, 322, 110, 22, c.main),
        ellipse(326, 278, 106, 30, c.main),
        ellipse(316, 270, 86, 18, c.light, faint(0.7)),
        ellipse(314, 232, 80, 26, c.dark),
        ellipse(308, 225, 62, 15, c.main),
        ellipse(322, 194, 54, 20, c.light),
        ellipse(318, 189, 40, 11, c.paper, faint(0.5)),
        path("M322 176q-40 -32 -10 -72q34 34 10 72z", c.accent),
        path("M322 176q10 -48 58 -46q-8 42 -58 46z", c.accent, faint(0.8)),
        path("M322 176q-14 -46 -60 -38q14 38 60 38z", c.accent, faint(0.8)),
        rect(92, 306, 110, 40, c.paper, 18),
        path("M92 326q0 -20 20 -20t20 20t-20 20t-20 -20z", c.far),
        circle(112, 326, 8, c.paper),
        line("M520 350V210M548 352V244", c.near, 14),
        line("M514 268h12M542 290h12", c.paper, 3),
    ]


def _coins(c: Palette, _: Random) -> Parts:
    def coin(x: float, y: float) -> str:
        return (
            ellipse(x, y + 13, 62, 18, c.dark)
            + rect(x - 62, y, 124, 13, c.dark)
            + ellipse(x, y, 62, 18, c.main)
            + ellipse(x, y, 44, 11, c.light)
        )

    stacks = [coin(x, 336 - 22 * n) for x, count in ((190, 4), (326, 7), (462, 10)) for n in range(count)]
    return [
        shadow(c, 326, 362, 220),
        *stacks,
        line("M140 190L276 128L372 112L520 66", c.accent, 9),
        path("M520 66l-34 -2l14 30z", c.accent, ' transform="rotate(8 520 66)"'),
        *(circle(x, y, 10, c.paper) for x, y in ((140, 190), (276, 128), (372, 112))),
    ]


def _ingot(c: Palette, _: Random) -> Parts:
    def bar(x: float, y: float) -> str:
        return (
            path(f"M{x} {y}l24 -44h128l24 44v38h-176z", c.main)
            + path(f"M{x + 24} {y - 44}h128l24 44h-176z", c.light)
            + path(f"M{x} {y}h176v38h-176z", c.main)
            + rect(x + 40, y + 9, 96, 20, c.dark, 4, faint(0.45))
            + line(f"M{x + 40} {y - 30}h60", c.paper, 6, faint(0.8))
        )

    return [
        shadow(c, 320, 356, 230),
        bar(134, 308),
        bar(330, 308),
        bar(232, 220),
        *(spark(x, y, s, c.paper) for x, y, s in ((430, 130, 30), (206, 142, 20), (478, 192, 15))),
    ]


def _card(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 330, 362, 200),
        group("rotate(9 340 220)", rect(196, 140, 300, 186, c.dark, 22)),
        group(
            "rotate(-7 310 220)",
            rect(158, 118, 304, 190, c.main, 22),
            path("M158 240q110 -90 304 -54v-46q0 -22 -22 -22h-260q-22 0 -22 22z", c.light, faint(0.5)),
            rect(158, 118, 304, 190, "url(#l)", 22),
            rect(188, 162, 54, 42, c.accent, 9),
            line("M188 183h54M215 162v42", c.dark, 2.5, faint(0.6)),
            *(rect(188 + 66 * n, 234, 50, 11, c.paper, 5, faint(0.9)) for n in range(4)),
            circle(404, 272, 19, c.accent, faint(0.9)),
            circle(428, 272, 19, c.paper, faint(0.7)),
            line("M262 170q12 12 0 26M276 162q20 20 0 42", c.paper, 5),
        ),
    ]


def _shield(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 364, 110),
        path("M320 62q70 42 140 44q10 172 -140 250q-150 -78 -140 -250q70 -2 140 -44z", c.main),
        path("M320 62q70 42 140 44q10 172 -140 250z", c.dark, faint(0.5)),
        path(
            "M320 92q56 32 112 36q4 132 -112 198q-116 -66 -112 -198q56 -4 112 -36z",
            "none",
            f' stroke="{c.light}" stroke-width="6"',
        ),
        line("M258 208l44 46l86 -92", c.accent, 25),
        line("M214 140q34 -6 62 -20", c.paper, 8, faint(0.45)),
    ]


def _umbrella(c: Palette, chance: Random) -> Parts:
    rain = "".join(f"M{x} {chance.randint(20, 110)}l-8 26" for x in range(30, 640, 46))
    return [
        line(rain, c.paper, 5, faint(0.8)),
        shadow(c, 320, 362, 110),
        line("M320 96V324q0 28 -26 28t-26 -26", c.dark, 11),
        path(
            "M140 220a180 150 0 0 1 360 0q-30 -26 -60 0q-30 -26 -60 0q-30 -26 -60 0q-30 -26 -60 0q-30 -26 -60 0q-30 -26 -60 0z",
            c.main,
        ),
        path("M320 70q-80 40 -60 150q30 -26 60 0q30 -26 60 0q20 -110 -60 -150z", c.light),
        path("M320 70q120 4 180 150q-30 -26 -60 0q-8 -110 -120 -150z", c.dark, faint(0.35)),
        circle(320, 68, 9, c.accent),
        path("M410 320l40 -30l40 30v32h-80z", c.paper),
        rect(440, 328, 20, 24, c.accent, 3),
        path("M402 322l48 -38l48 38z", c.accent),
    ]


def _passport(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 366, 170),
        group(
            "rotate(12 380 210)",
            rect(300, 74, 190, 268, c.paper, 10),
            *(line(f"M324 {y}h140", c.far, 6) for y in (272, 294, 316)),
            rect(324, 96, 60, 12, c.accent, 5),
        ),
        group(
            "rotate(-6 270 210)",
            rect(170, 70, 206, 284, c.main, 18),
            rect(170, 70, 22, 284, c.dark, 11),
            rect(170, 70, 206, 284, "url(#l)", 18),
            circle(284, 184, 58, "none", f' stroke="{c.accent}" stroke-width="7"'),
            line("M226 184h116M284 126q-38 58 0 116M284 126q38 58 0 116M236 156h96M236 212h96", c.accent, 5),
            rect(234, 278, 100, 13, c.accent, 6),
            rect(254, 304, 60, 10, c.accent, 5, faint(0.7)),
        ),
        group(
            "rotate(-14 480 300)",
            circle(484, 290, 48, "none", f' stroke="{c.dark}" stroke-width="7"'),
            path("M452 296l60 -20q10 2 4 9l-26 10l-12 22l-7 1l4 -19l-16 4l-7 8l-5 0z", c.dark),
        ),
    ]


SCENES = {
    "drone": Scene(_drone, ("hills", "sea", "meadow"), ("mist", "dawn", "teal", "dusk")),
    "dronehill": Scene(_dronehill, ("hills", "meadow"), ("sage", "mist", "dawn")),
    "camera": Scene(_camera, ("table", "arcs"), ("mist", "lemon", "teal")),
    "gimbal": Scene(_gimbal, ("arcs", "window"), ("teal", "plum", "sand")),
    "lamp": Scene(_lamp, ("window", "arcs"), ("sage", "lemon", "night")),
    "pot": Scene(_pot, ("table", "window"), ("ember", "sage", "dawn")),
    "candle": Scene(_candle, ("table", "arcs"), ("dusk", "sand", "rose")),
    "picnic": Scene(_picnic, ("meadow", "hills"), ("sage", "lemon", "dawn")),
    "heart": Scene(_heart, ("arcs", "meadow"), ("rose", "teal", "snow")),
    "smile": Scene(_smile, ("arcs", "table"), ("teal", "mist", "plum")),
    "stones": Scene(_stones, ("window", "table"), ("sage", "sand", "plum")),
    "coins": Scene(_coins, ("arcs", "table"), ("lemon", "teal", "night")),
    "ingot": Scene(_ingot, ("table", "arcs"), ("lemon", "night")),
    "card": Scene(_card, ("arcs", "city"), ("night", "plum", "teal")),
    "shield": Scene(_shield, ("arcs", "hills"), ("mist", "teal", "sage")),
    "umbrella": Scene(_umbrella, ("hills",), ("mist", "plum", "teal")),
    "passport": Scene(_passport, ("table", "arcs", "city"), ("plum", "rose", "teal")),
}
