"""A bar chart as SVG: one horizontal bar a ratio, with a mark where its target is."""

from collections.abc import Mapping
from html import escape

WIDTH = 720
LABEL_WIDTH = 170
RIGHT_MARGIN = 60
TOP = 56
ROW_HEIGHT = 34
BAR_HEIGHT = 18
MET, MISSED, PLAIN, TARGET, INK, GRID = "#2b8a5b", "#c2571a", "#7d8590", "#1f2328", "#1f2328", "#d8dee4"

Values = Mapping[str, tuple[float, float | None]]


def bars(title: str, values: Values) -> str:
    """The chart of these values, each with its target if it has one."""
    height = TOP + ROW_HEIGHT * len(values) + 40
    greatest = max(max(value, target or 0) for value, target in values.values())
    scale = (WIDTH - LABEL_WIDTH - RIGHT_MARGIN) / max(greatest, 1)
    rows = [
        row(name, value, target, position, scale) for position, (name, (value, target)) in enumerate(values.items())
    ]
    bottom = TOP + ROW_HEIGHT * len(values)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"
     font-family="system-ui, sans-serif" font-size="13" fill="{INK}" role="img" aria-label="{escape(title)}">
  <rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
  <text x="16" y="26" font-size="16" font-weight="600">{escape(title)}</text>
{grid(greatest, scale, bottom)}
{"".join(rows)}  <line x1="16" y1="{bottom + 15}" x2="16" y2="{bottom + 29}" stroke="{TARGET}" stroke-width="3"/>
  <text x="26" y="{bottom + 27}">the most that is aimed at; green is met, orange is missed, grey has no target</text>
</svg>
"""


def row(name: str, value: float, target: float | None, position: int, scale: float) -> str:
    """One bar with its label, its value and the mark of its target."""
    top = TOP + ROW_HEIGHT * position + (ROW_HEIGHT - BAR_HEIGHT) / 2
    baseline = top + BAR_HEIGHT - 4
    colour = PLAIN if target is None else MET if value <= target else MISSED
    end = LABEL_WIDTH + value * scale
    beside = max(end, LABEL_WIDTH + (target or 0) * scale)
    mark = ""
    if target is not None:
        x = LABEL_WIDTH + target * scale
        mark = (
            f'  <line x1="{x:.1f}" y1="{top - 5:.1f}" x2="{x:.1f}" y2="{top + BAR_HEIGHT + 5:.1f}" '
            f'stroke="{TARGET}" stroke-width="3"/>\n'
        )
    return (
        f'  <text x="{LABEL_WIDTH - 10}" y="{baseline:.1f}" text-anchor="end">{escape(name)}</text>\n'
        f'  <rect x="{LABEL_WIDTH}" y="{top:.1f}" width="{value * scale:.1f}" height="{BAR_HEIGHT}" fill="{colour}"/>\n'
        f'{mark}  <text x="{beside + 8:.1f}" y="{baseline:.1f}">{value:.2f}</text>\n'
    )


def grid(greatest: float, scale: float, bottom: int) -> str:
    """A line at each whole multiple."""
    lines = []
    for multiple in range(int(greatest) + 1):
        x = LABEL_WIDTH + multiple * scale
        lines.append(
            f'  <line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{GRID}"/>\n'
            f'  <text x="{x:.1f}" y="{TOP - 6}" text-anchor="middle" font-size="11">{multiple}</text>'
        )
    return "\n".join(lines)
