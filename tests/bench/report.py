"""build/bench.json, and the same for a person's eyes."""

from pathlib import Path

import msgspec
from rich.table import Table

from tests.bench.rounds import Result, terminal


def write(path: Path, results: list[Result]) -> None:
    """Write the results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode({"results": results}), indent=2) + b"\n")


def show(results: list[Result], path: Path, *, quick: bool) -> None:
    """Print the results as a table."""
    table = Table(title="Medians of the rounds; least and most below", title_justify="left", expand=False)
    for name, justify in (
        ("benchmark", "left"), ("ours", "right"), ("yardstick", "right"), ("unit", "left"), ("ratio", "right"),
        ("must", "right"), ("stretch", "right"), ("holds", "center"), ("client CPU", "right"),
    ):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for one in results:
        sign = "≤" if one.at_most else "≥"
        holds = "[dim]–[/]" if quick or one.must is None else "[green]yes[/]" if one.holds else "[red]no[/]"
        table.add_row(
            one.name + (f"\n[dim]{one.note}[/]" if one.note else ""),
            _with_spread(one.ours, one.spread["ours"]),
            _with_spread(one.yardstick, one.spread["yardstick"]),
            one.unit,
            f"[bold]{one.ratio:.2f}[/]",
            "" if one.must is None else f"{sign} {one.must:g}",
            "" if one.stretch is None else f"{sign} {one.stretch:g}",
            holds,
            f"{one.client_cpu:.0%}",
        )
    terminal.print(table)
    terminal.print(f"Written to {path}." + (" Small sizes: the ratios mean nothing." if quick else ""))


def _with_spread(median: float, spread: list[float]) -> str:
    return f"{_number(median)}\n[dim]{_number(spread[0])}–{_number(spread[1])}[/]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"
