"""Cars, what they need, and other ways to go somewhere."""

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
    stars,
    tree,
)


def car(c: Palette, x: float, y: float, scale: float, tone: str, flip: bool = False) -> str:
    """Return an SUV that stands with its wheels on y, seen from the side; x is its middle."""

    def wheel(at: float) -> str:
        return circle(at, 92, 27, c.ink) + circle(at, 92, 16, c.far) + circle(at, 92, 6, c.paper)

    return group(
        f"translate({x} {y}) scale({-scale if flip else scale} {scale}) translate(-140 -119)",
        ellipse(140, 118, 138, 8, c.ink, faint(0.2)),
        path("M8 84q-4 -26 22 -32l42 -8q26 -36 62 -38h52q36 2 60 40l18 6q16 6 14 30l-4 12h-262z", tone),
        path("M8 84q0 -8 4 -14h264q2 10 -2 16l-2 8h-262z", c.ink, faint(0.18)),
        path("M86 44q20 -26 46 -27h16v27zM158 17h28q24 2 40 27h-68z", c.dark),
        path("M86 44q20 -26 46 -27l-24 27zM186 17q24 2 40 27h-16z", c.paper, faint(0.35)),
        rect(262, 56, 16, 10, c.accent, 4),
        rect(4, 58, 12, 12, c.paper, 4),
        line("M153 48V88", c.ink, 2, faint(0.35)),
        rect(164, 56, 18, 4, c.ink, 2, faint(0.5)),
        wheel(62),
        wheel(216),
    )


def _suv(c: Palette, _: Random) -> Parts:
    return [
        rect(0, 340, 640, 60, c.dark),
        line("M0 374H640", c.paper, 5, ' stroke-dasharray="46 34" opacity=".7"'),
        car(c, 320, 350, 1.32, c.main),
    ]


def _wash(c: Palette, chance: Random) -> Parts:
    foam = [
        circle(chance.randint(190, 460), chance.randint(196, 262), chance.randint(8, 22), c.paper, faint(0.9))
        for _ in range(26)
    ]
    drops = "".join(f"M{x} {chance.randint(70, 120)}l-8 26" for x in range(170, 500, 32))
    return [
        rect(112, 60, 22, 282, c.near, 8),
        rect(506, 60, 22, 282, c.near, 8),
        rect(98, 44, 444, 30, c.dark, 15),
        line(drops, c.paper, 5, faint(0.9)),
        rect(0, 340, 640, 60, c.far),
        car(c, 320, 348, 1.24, c.main),
        *foam,
        *(
            circle(x, y, r, "none", f' stroke="{c.paper}" stroke-width="3" opacity=".9"')
            for x, y, r in ((150, 190, 13), (486, 152, 17), (520, 214, 9), (124, 256, 8))
        ),
        ellipse(210, 366, 110, 12, c.paper, faint(0.7)),
        ellipse(430, 376, 130, 12, c.paper, faint(0.7)),
    ]


def _shine(c: Palette, _: Random) -> Parts:
    return [
        rect(0, 338, 640, 62, c.dark),
        group("translate(0 690) scale(1 -1)", car(c, 320, 346, 1.3, c.main)).replace("<g", '<g opacity=".18"', 1),
        car(c, 320, 346, 1.3, c.main),
        line("M214 250q60 -52 140 -52", c.paper, 9, faint(0.6)),
        spark(420, 140, 34, c.accent),
        spark(220, 130, 20, c.accent),
        spark(490, 210, 16, c.accent),
        spark(330, 92, 14, c.accent),
    ]


def _tyre(c: Palette, _: Random) -> Parts:
    tread = "M320 66v18"
    spokes = [group(f"rotate({n * 72} 320 212)", path("M306 150h28l-6 62h-16z", c.paper)) for n in range(5)]
    teeth = [group(f"rotate({n * 15} 320 212)", line(tread, c.ink, 16)) for n in range(24)]
    return [
        shadow(c, 320, 358, 150),
        *teeth,
        circle(320, 212, 138, c.ink),
        circle(320, 212, 122, c.dark),
        circle(320, 212, 88, c.far),
        circle(320, 212, 80, c.main),
        *spokes,
        circle(320, 212, 24, c.accent),
        circle(320, 212, 9, c.ink),
        line("M228 146q34 -46 92 -50", c.paper, 8, faint(0.35)),
    ]


def _snowtyre(c: Palette, chance: Random) -> Parts:
    flakes = [
        circle(chance.randint(20, 620), chance.randint(10, 330), chance.choice((3, 4, 6)), c.paper, faint(0.95))
        for _ in range(40)
    ]
    return [*_tyre(c, chance), path("M0 372q160 -34 320 -18t320 -4v50H0z", c.paper), *flakes]


def _wrench(c: Palette, _: Random) -> Parts:
    teeth = [group(f"rotate({n * 45} 380 176)", rect(364, 72, 32, 40, c.light, 8)) for n in range(8)]
    return [
        shadow(c, 320, 354, 180),
        *teeth,
        circle(380, 176, 80, c.light),
        circle(380, 176, 38, c.main),
        circle(380, 176, 22, c.paper, faint(0.8)),
        group(
            "rotate(42 300 240)",
            rect(150, 222, 260, 36, c.main, 18),
            rect(150, 222, 260, 14, c.paper, 7, faint(0.25)),
            path("M412 200a46 46 0 1 1 0 80l-8 -22h34v-36h-34z", c.main),
            circle(160, 240, 38, c.main),
            circle(160, 240, 16, c.accent),
        ),
    ]


def _pickup(c: Palette, _: Random) -> Parts:
    return [
        rect(0, 340, 640, 60, c.dark),
        line("M0 372H640", c.paper, 5, ' stroke-dasharray="40 30" opacity=".6"'),
        car(c, 250, 350, 1.12, c.main),
        path("M506 316q-62 -82 -62 -126a62 62 0 0 1 124 0q0 44 -62 126z", c.accent),
        circle(506, 188, 34, c.paper),
        path("M484 194l22 -20l22 20v20h-44z", c.dark),
        ellipse(506, 332, 34, 7, c.ink, faint(0.3)),
    ]


def _seat(c: Palette, _: Random) -> Parts:
    return [
        shadow(c, 320, 358, 150),
        path("M206 320h228l-18 34h-192z", c.ink),
        path("M234 86q86 -36 172 0q22 10 20 40l-14 152h-184l-14 -152q-2 -30 20 -40z", c.main),
        path("M262 100q58 -22 116 0l-8 146h-100z", c.light),
        path("M214 130q-30 6 -28 40l8 60l34 4zM426 130q30 6 28 40l-8 60l-34 4z", c.dark),
        path("M206 262q114 -34 228 0q16 40 0 68h-228q-16 -28 0 -68z", c.dark),
        path("M244 272q76 -22 152 0q8 26 -4 46h-144q-12 -20 -4 -46z", c.light),
        line("M286 124q4 70 28 134M354 124q-4 70 -28 134", c.accent, 13),
        rect(304, 250, 32, 30, c.paper, 8),
        circle(320, 265, 6, c.accent),
        ellipse(320, 116, 40, 16, c.paper, faint(0.6)),
    ]


def _mats(c: Palette, _: Random) -> Parts:
    def mat(x: float, turn: float, tone: str) -> str:
        grid = "".join(f"M{-56 + 28 * n} -92V92" for n in range(5)) + "".join(
            f"M-78 {-66 + 33 * n}H78" for n in range(5)
        )
        return group(
            f"translate({x} 216) rotate({turn})",
            rect(-86, -116, 172, 232, c.ink, 26, faint(0.18)),
            rect(-92, -122, 172, 232, tone, 26),
            rect(-78, -108, 144, 204, c.dark, 18, faint(0.55)),
            line(grid.replace("78", "62"), tone, 3, faint(0.7)),
            rect(-34, -16, 56, 20, c.accent, 6),
        )

    return [shadow(c, 320, 358, 210), mat(424, 9, c.light), mat(228, -8, c.main)]


def _charger(c: Palette, _: Random) -> Parts:
    return [
        rect(0, 340, 640, 60, c.dark),
        car(c, 230, 350, 1.06, c.main, flip=True),
        rect(456, 118, 104, 232, c.paper, 16),
        rect(528, 118, 32, 232, c.ink, 16, faint(0.1)),
        rect(474, 140, 68, 62, c.dark, 8),
        path("M514 148l-22 28h14l-6 22l22 -30h-14z", c.accent),
        circle(508, 226, 8, c.accent),
        rect(440, 342, 136, 12, c.ink, 5),
        line("M470 262q-60 10 -58 64t-44 -44q-6 -20 -14 -18", c.ink, 9),
        rect(338, 252, 22, 18, c.accent, 5),
        circle(508, 172, 70, c.accent, faint(0.14)),
    ]


def _parking(c: Palette, _: Random) -> Parts:
    return [
        path("M0 400L120 300H520L640 400Z", c.dark),
        line("M184 302L120 398M320 302V398M456 302L520 398", c.paper, 6, faint(0.8)),
        car(c, 214, 352, 0.92, c.main),
        rect(464, 92, 14, 256, c.ink, 5),
        rect(406, 60, 130, 130, c.accent, 26),
        rect(414, 68, 114, 114, c.paper, 20),
        path(
            "M450 164v-78h28a25 25 0 0 1 0 52h-14v26zM464 124h13a12 12 0 0 0 0 -24h-13z", c.main, ' fill-rule="evenodd"'
        ),
        path("M60 120l120 -26q18 2 10 12l-56 18l-26 44l-12 2l10 -40l-34 8l-12 16l-8 1l4 -22z", c.paper, faint(0.9)),
    ]


def _road(c: Palette, _: Random) -> Parts:
    return [
        path("M304 250h32L560 400H80Z", c.dark),
        path("M318 262h4l4 26h-12zM312 300h16l8 40h-32zM302 352h36l10 48h-56z", c.paper, faint(0.85)),
        tree(c, 150, 320, 90, c.main),
        tree(c, 92, 352, 130, c.main),
        tree(c, 494, 318, 84, c.main),
        tree(c, 556, 350, 140, c.main),
        tree(c, 212, 294, 50, c.main),
        tree(c, 436, 294, 54, c.main),
        group(
            "translate(352 352)",
            ellipse(0, 10, 52, 7, c.ink, faint(0.3)),
            rect(-46, -34, 92, 40, c.accent, 12),
            path("M-34 -34l10 -26h48l10 26z", c.accent),
            path("M-26 -36l7 -18h38l7 18z", c.ink, faint(0.65)),
            rect(-42, -24, 16, 9, c.paper, 4),
            rect(26, -24, 16, 9, c.paper, 4),
            rect(-40, 2, 16, 12, c.ink, 4),
            rect(24, 2, 16, 12, c.ink, 4),
        ),
    ]


def _roadtrip(c: Palette, _: Random) -> Parts:
    return [
        path("M60 330L196 116L262 214L336 92L470 292L520 236L610 330Z", c.far),
        path("M196 116l-34 54l20 -8l12 16l16 -14l20 10zM336 92l-38 62l22 -8l14 18l20 -16l24 14z", c.paper),
        path("M-10 400q180 -70 330 -60t330 -14v74z", c.dark),
        line("M20 388q170 -44 300 -34t300 -12", c.paper, 5, ' stroke-dasharray="34 26" opacity=".75"'),
        car(c, 330, 350, 0.96, c.main),
        rect(266, 216, 96, 20, c.accent, 6),
        rect(280, 202, 44, 16, c.dark, 5),
        line("M262 238H372", c.ink, 4),
        line("M520 330v-90M520 244l44 8l-44 16", c.accent, 6),
        line("M500 330q20 -50 20 -86", c.accent, 3, faint(0.6)),
    ]


def _plane(c: Palette, _: Random) -> Parts:
    return [
        *(
            ellipse(x, y, w, h, c.paper, faint(0.75))
            for x, y, w, h in (
                (130, 300, 120, 26),
                (200, 282, 70, 30),
                (510, 330, 140, 28),
                (470, 308, 66, 30),
                (330, 368, 180, 26),
            )
        ),
        line("M60 360Q190 300 262 244", c.paper, 5, ' stroke-dasharray="2 18"'),
        group(
            "rotate(-20 350 190)",
            path("M190 176q170 -34 296 -4q38 10 38 22t-38 20q-126 22 -296 2q-26 -20 0 -40z", c.paper),
            path("M190 200q160 24 330 -4q-4 14 -34 18q-126 22 -296 2z", c.ink, faint(0.14)),
            path("M330 196l70 -118q14 -4 22 0l-22 120zM330 206l64 108q14 6 22 0l-22 -112z", c.main),
            path("M196 180l-40 -58h28l52 56zM196 206l-34 38h22l46 -34z", c.main),
            *(circle(x, 184, 5, c.dark) for x in range(280, 450, 22)),
            path("M476 176q24 4 34 12h-30z", c.dark),
            path("M190 176q-26 20 0 40l28 2q-20 -22 0 -46z", c.accent),
        ),
    ]


def _cruise(c: Palette, chance: Random) -> Parts:
    return [
        path("M-10 268L90 110L170 208L250 268Z", c.main, faint(0.55)),
        path("M400 268L500 92L560 170L660 70V268Z", c.main, faint(0.75)),
        stars(c, chance, 0),
        path("M150 288h350l-34 50h-282z", c.dark),
        path("M150 288h350l-8 12h-334z", c.accent),
        rect(188, 250, 260, 40, c.paper, 6),
        rect(214, 218, 200, 34, c.paper, 6),
        rect(250, 192, 110, 28, c.paper, 6),
        *(rect(x, 260, 18, 14, c.main, 4) for x in range(204, 436, 28)),
        *(rect(x, 228, 16, 12, c.main, 4) for x in range(230, 400, 26)),
        rect(372, 176, 24, 44, c.accent, 4),
        rect(372, 186, 24, 8, c.paper),
        path("M110 346q60 -16 120 0t120 0t120 0t120 0v20H110z", c.paper, faint(0.55)),
    ]


SCENES = {
    "suv": Scene(_suv, ("hills", "sea"), ("mist", "dawn", "teal")),
    "wash": Scene(_wash, ("meadow",), ("mist", "teal", "snow", "sage", "plum")),
    "shine": Scene(_shine, ("spotlights",), ("night", "dusk")),
    "tyre": Scene(_tyre, ("arcs", "table"), ("sand", "mist", "lemon")),
    "snowtyre": Scene(_snowtyre, ("hills",), ("snow", "mist")),
    "wrench": Scene(_wrench, ("arcs", "table"), ("teal", "dawn", "mist", "plum")),
    "pickup": Scene(_pickup, ("city",), ("sage", "mist", "dawn", "lemon")),
    "seat": Scene(_seat, ("window", "table"), ("plum", "sage", "rose")),
    "mats": Scene(_mats, ("table", "arcs"), ("sand", "teal", "mist")),
    "charger": Scene(_charger, ("hills", "starry", "city"), ("teal", "night", "mist")),
    "parking": Scene(_parking, ("city",), ("mist", "dusk", "dawn")),
    "road": Scene(_road, ("hills",), ("sage", "dawn", "dusk")),
    "roadtrip": Scene(_roadtrip, ("meadow",), ("mist", "dawn", "sand")),
    "plane": Scene(_plane, ("sea", "meadow"), ("mist", "dawn", "dusk")),
    "cruise": Scene(_cruise, ("sea",), ("teal", "dawn", "sage")),
}
