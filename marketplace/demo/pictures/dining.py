"""Things to eat and drink."""

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
    steam,
)


def _hotpot(c: Palette, _: Random) -> Parts:
    return [
        steam(c, 320, 168, 4, 42),
        shadow(c, 320, 350, 190),
        path("M168 232h304q-6 92 -80 106h-144q-74 -14 -80 -106z", c.dark),
        path("M168 232h304q-6 92 -80 106h-72v-106z", c.ink, faint(0.16)),
        rect(132, 236, 50, 18, c.ink, 9),
        rect(458, 236, 50, 18, c.ink, 9),
        ellipse(320, 232, 156, 42, c.ink),
        ellipse(320, 230, 142, 35, c.main),
        path("M320 195a142 35 0 0 1 0 70q40 -18 0 -35t0 -35z", c.paper),
        path("M320 195a142 35 0 0 0 0 70q40 -18 0 -35t0 -35z", c.main),
        *(circle(x, y, r, c.accent) for x, y, r in ((236, 222, 7), (262, 242, 5), (214, 238, 5), (280, 218, 6))),
        *(ellipse(x, y, 14, 7, c.light) for x, y in ((246, 232), (226, 228))),
        ellipse(388, 226, 18, 8, c.light),
        ellipse(416, 238, 15, 7, c.far),
        circle(372, 244, 7, c.near),
        rect(212, 338, 216, 12, c.ink, 6),
        line("M430 196L556 92M446 204L574 108", c.dark, 8),
    ]


def _bowl(c: Palette, _: Random) -> Parts:
    return [
        steam(c, 320, 186, 3, 44),
        shadow(c, 320, 350, 140),
        path("M180 240h280q-8 86 -84 104h-112q-76 -18 -84 -104z", c.paper),
        path("M400 240h60q-8 86 -84 104h-40q60 -30 64 -104z", c.ink, faint(0.1)),
        path("M192 274q128 30 256 0q-4 14 -10 24q-118 22 -236 0q-6 -10 -10 -24z", c.main),
        ellipse(320, 240, 140, 32, c.dark),
        ellipse(320, 238, 126, 25, c.light),
        line("M226 238q20 -14 40 0t40 0t40 0t40 0", c.accent, 7),
        circle(378, 232, 17, c.paper),
        circle(378, 232, 8, c.accent),
        ellipse(268, 228, 26, 9, c.main),
        rect(272, 342, 96, 10, c.main, 5),
        line("M366 222L520 96M384 228L540 112", c.dark, 7),
    ]


def _coffee(c: Palette, chance: Random) -> Parts:
    x = chance.choice((0, 14))
    return [
        steam(c, 306 + x, 168, 3, 38),
        shadow(c, 320, 350, 180),
        ellipse(306 + x, 338, 172, 17, c.paper),
        ellipse(306 + x, 334, 150, 12, c.far, faint(0.55)),
        path(f"M{404 + x} 226c74 -16 78 84 -16 78", "none", f' stroke="{c.main}" stroke-width="19"'),
        path(f"M{200 + x} 206h212q0 92 -52 124h-108q-52 -32 -52 -124z", c.main),
        path(f"M{360 + x} 206h52q0 92 -52 124h-34q40 -44 34 -124z", c.dark, faint(0.5)),
        ellipse(306 + x, 206, 106, 25, c.paper),
        ellipse(306 + x, 206, 94, 19, c.dark),
        path(f"M{306 + x} 194q34 2 32 12q-4 8 -32 16q-28 -8 -32 -16q-2 -10 32 -12z", c.light),
        line(f"M{306 + x} 194V220", c.dark, 3),
        *(
            group(
                f"rotate({a} {bx} 336)",
                ellipse(bx, 336, 15, 9, c.dark),
                line(f"M{bx - 10} 336q10 -5 20 0", c.light, 2.5),
            )
            for bx, a in ((508, 18), (540, -24), (130, 12))
        ),
    ]


def _teapot(c: Palette, _: Random) -> Parts:
    return [
        steam(c, 462, 216, 2, 24),
        shadow(c, 320, 350, 190),
        path("M392 244q40 -6 66 -58l22 8q-20 84 -92 108z", c.main),
        path("M216 226c-74 -20 -84 84 4 84", "none", f' stroke="{c.dark}" stroke-width="15"'),
        ellipse(304, 268, 112, 80, c.main),
        path("M330 190a112 80 0 0 1 -30 158q84 -6 112 -64q14 -60 -82 -94z", c.dark, faint(0.4)),
        ellipse(304, 194, 66, 15, c.dark),
        path("M240 192q10 -34 64 -36q54 2 64 36z", c.main),
        circle(304, 148, 13, c.accent),
        line("M240 250q20 -34 58 -40", c.paper, 8, faint(0.5)),
        rect(246, 340, 116, 11, c.dark, 5),
        path("M452 300h84q-2 40 -26 50h-32q-24 -10 -26 -50z", c.paper),
        ellipse(494, 300, 42, 10, c.light),
        ellipse(494, 301, 34, 7, c.accent),
        path("M150 346q-6 -34 26 -44q4 34 -26 44z", c.near),
        path("M128 348q-22 -18 -8 -42q20 18 8 42z", c.near),
    ]


def _gift(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 352, 160),
        rect(206, 206, 228, 144, c.main, 8),
        rect(378, 206, 56, 144, c.dark, 8, faint(0.5)),
        rect(192, 178, 256, 50, c.main, 8),
        rect(192, 218, 256, 10, c.ink, 0, faint(0.18)),
        rect(298, 178, 44, 172, c.accent),
        rect(298, 178, 14, 172, c.paper, 0, faint(0.35)),
        path("M320 178q-92 4 -88 -46q8 -40 88 46z", c.accent),
        path("M320 178q92 4 88 -46q-8 -40 -88 46z", c.accent),
        path("M320 178q-58 -4 -58 -30q8 -16 58 30z", c.ink, faint(0.2)),
        path("M320 178q58 -4 58 -30q-8 -16 -58 30z", c.ink, faint(0.2)),
        circle(320, 174, 17, c.paper),
        *(
            group(f"rotate({a} {x} {y})", ellipse(x, y, 13, 8, c.dark))
            for x, y, a in ((490, 344, 20), (518, 332, -30), (150, 344, -12), (122, 336, 34))
        ),
    ]


def _cloche(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 352, 210),
        ellipse(320, 330, 206, 20, c.paper),
        ellipse(320, 326, 180, 13, c.far),
        path("M176 322a144 144 0 0 1 288 0z", c.light),
        path("M176 322a144 144 0 0 1 288 0z", "url(#l)"),
        path("M380 192a144 144 0 0 1 84 130h-60q0 -80 -24 -130z", c.main, faint(0.45)),
        line("M216 296q8 -62 60 -92", c.paper, 12, faint(0.75)),
        circle(320, 166, 15, c.accent),
        rect(312, 174, 16, 14, c.main),
        rect(168, 316, 304, 12, c.main, 6),
        line("M96 232v112M84 232v30q12 16 24 0v-30", c.paper, 7),
        path("M548 228q20 8 16 70h-16z", c.paper),
        line("M548 228V344", c.paper, 7),
        path("M236 150q-14 -22 4 -44q14 24 -4 44zM404 146q14 -22 -4 -44q-14 24 4 44z", c.near),
    ]


def _crab(c: Palette, _: Random) -> Parts:
    legs = (
        "M232 286q-60 2 -84 46M238 304q-46 14 -58 46M408 286q60 2 84 46M402 304q46 14 58 46"
        "M228 268q-66 -14 -98 18M412 268q66 -14 98 18"
    )
    return [
        steam(c, 320, 172, 3, 60),
        shadow(c, 320, 352, 230),
        ellipse(320, 338, 226, 22, c.paper),
        ellipse(320, 334, 200, 15, c.far, faint(0.6)),
        line(legs, c.main, 13),
        path(
            "M244 262q-58 -8 -74 -62q-34 -6 -26 -44q20 -26 48 -8q-6 14 4 24q18 4 30 -10q22 30 -10 46q18 28 44 32z",
            c.main,
        ),
        path(
            "M396 262q58 -8 74 -62q34 -6 26 -44q-20 -26 -48 -8q6 14 -4 24q-18 4 -30 -10q-22 30 10 46q-18 28 -44 32z",
            c.main,
        ),
        path("M210 276q10 -64 110 -66q100 2 110 66q-6 48 -110 52q-104 -4 -110 -52z", c.main),
        path("M214 264q20 -50 106 -52q86 2 106 52q-50 -26 -106 -26t-106 26z", c.light),
        circle(292, 204, 9, c.ink),
        circle(348, 204, 9, c.ink),
        line("M292 206v14M348 206v14", c.dark, 6),
        path("M268 268q52 30 104 0", "none", f' stroke="{c.dark}" stroke-width="6"'),
        path("M500 330q-20 -20 -2 -44q22 10 24 34z", c.accent),
    ]


SCENES = {
    "hotpot": Scene(_hotpot, ("table", "arcs"), ("ember", "dawn", "night")),
    "bowl": Scene(_bowl, ("table", "arcs"), ("ember", "lemon", "sage")),
    "coffee": Scene(_coffee, ("window", "table"), ("sand", "dawn", "sage", "teal")),
    "teapot": Scene(_teapot, ("window", "table", "hills"), ("sage", "teal", "lemon")),
    "gift": Scene(_gift, ("table", "arcs"), ("sand", "rose", "teal")),
    "cloche": Scene(_cloche, ("window", "arcs"), ("plum", "sage", "mist")),
    "crab": Scene(_crab, ("table",), ("ember", "dawn")),
}
