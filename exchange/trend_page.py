"""The trend of a dataset's deliveries as a part of the report's page: bars to see, and tables to read beside them."""

from collections.abc import Sequence
from html import escape

from exchange.trend import Run, failing_rules
from kernel.clock import SHANGHAI

HELD = "held"
_WIDTH, _HEIGHT, _GAP = 28, 60, 8
"""Pixels of a bar, and between bars."""
_INK, _BAD = "#1d5a94", "#b10e1e"
_OUTCOMES = {"held": "✗ 暂缓 held", "released": "✓ 放行 released"}


def trend_section(runs: Sequence[Run], rules_max: int) -> str:
    """The section; empty where there is nothing to compare with."""
    if len(runs) < 2:  # noqa: PLR2004 - one run is no trend
        return ""
    return (
        "<section><h3>趋势 <span lang=en>Trend</span></h3>"
        f"<p>最近{len(runs)}次交付，自左至右由旧到新；空心虚线为暂缓的批次。 <span lang=en>The last {len(runs)} runs, "
        "oldest first; held ones are hollow and dashed.</span></p>"
        f"<div class=side><div>{_figure(runs)}</div>{_table(runs)}</div>{_rules(runs, rules_max)}</section>"
    )


def _figure(runs: Sequence[Run]) -> str:
    """Two rows of bars: rows delivered, and rows held back."""
    held = [run.outcome == HELD for run in runs]
    return "".join(
        f"<figure><figcaption>{zh} <span lang=en>{en}</span> ≤ {max(counts):,}</figcaption>"
        f"{_bars(counts, held, ink, f'{zh} {en}')}</figure>"
        for zh, en, ink, counts in (
            ("交付记录", "rows delivered", _INK, [run.delivered for run in runs]),
            ("隔离记录", "rows held back", _BAD, [run.quarantined for run in runs]),
        )
    )


def _bars(counts: Sequence[int], hollow: Sequence[bool], ink: str, title: str) -> str:
    """Bars of one scale from nothing; the title says every count."""
    most = max(counts)
    width = len(counts) * (_WIDTH + _GAP)
    drawn = []
    for place, (count, empty) in enumerate(zip(counts, hollow, strict=True)):
        height = max(1, round(_HEIGHT * count / most)) if count else 0
        fill = f'fill="none" stroke="{ink}" stroke-dasharray="4 2"' if empty else f'fill="{ink}"'
        left, top = place * (_WIDTH + _GAP) + _GAP // 2, _GAP + _HEIGHT - height
        drawn.append(f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{height}" {fill}/>')
    base = _GAP + _HEIGHT
    return (
        f'<svg role="img" viewBox="0 0 {width} {base + 2}" width="{width}" height="{base + 2}">'
        f"<title>{escape(title)}: {', '.join(f'{count:,}' for count in counts)}</title>{''.join(drawn)}"
        f'<line x1="0" y1="{base}" x2="{width}" y2="{base}" stroke="#595959"/></svg>'
    )


def _table(runs: Sequence[Run]) -> str:
    rows = "".join(
        f"<tr><td>{run.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}</td><td>{_outcome(run)}</td>"
        f"<td>{run.delivered:,}</td><td>{run.quarantined:,}</td><td>{_share(run)}</td></tr>"
        for run in reversed(runs)
    )
    return (
        "<table><tr><th>时间 <span lang=en>time</span></th><th>结果 <span lang=en>outcome</span></th>"
        "<th>交付 <span lang=en>delivered</span></th><th>隔离 <span lang=en>held back</span></th>"
        f"<th>占比 <span lang=en>share</span></th></tr>{rows}</table>"
    )


def _rules(runs: Sequence[Run], rules_max: int) -> str:
    names = failing_rules(runs, rules_max)
    if not names:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_spark([run.failed.get(name, 0) for run in runs])}</td>"
        f"<td>{' → '.join(f'{run.failed.get(name, 0):,}' for run in runs)}</td></tr>"
        for name in names
    )
    return (
        "<table><tr><th>规则 <span lang=en>rule</span></th><th>走势 <span lang=en>trend</span></th>"
        f"<th>不合格记录 <span lang=en>failing rows</span></th></tr>{rows}</table>"
    )


def _spark(counts: Sequence[int]) -> str:
    """A small line over the counts; they stand beside it as figures, so it is for the eye only."""
    most = max(counts) or 1
    points = " ".join(f"{place * 10 + 2},{22 - round(20 * count / most)}" for place, count in enumerate(counts))
    width = len(counts) * 10
    return (
        f'<svg aria-hidden="true" viewBox="0 0 {width} 24" width="{width}" height="24">'
        f'<polyline points="{points}" fill="none" stroke="{_INK}" stroke-width="2"/></svg>'
    )


def _outcome(run: Run) -> str:
    return _OUTCOMES.get(run.outcome, "✓ 发布 published")


def _share(run: Run) -> str:
    return f"{100 * run.quarantined / run.delivered:.2f}%" if run.delivered else "—"
