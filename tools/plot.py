"""Points on two axes as SVG: the figures of docs/results."""

import dataclasses
import html
import math


@dataclasses.dataclass
class Axis:
    """From the first of `ticks` to the last."""

    label: str
    ticks: list
    logarithmic: bool = False

    def share(self, value):
        scale = math.log10 if self.logarithmic else float
        low, high = scale(self.ticks[0]), scale(self.ticks[-1])
        return (scale(value) - low) / (high - low)


def decades(values, label):
    """A logarithmic axis of the decades that hold `values`."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return Axis(label, [10 ** power for power in range(low, high + 1)], logarithmic=True)


class Plot:
    WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 480, 64, 52, 16, 16

    def __init__(self, x, y):
        self.axes = (x, y)
        self.marks = []
        for axis in (0, 1):
            self._draw(axis)

    def place(self, value, axis):
        share = self.axes[axis].share(value)
        if axis == 0:
            return self.LEFT + share * (self.WIDTH - self.LEFT - self.RIGHT)
        return self.HEIGHT - self.BOTTOM - share * (self.HEIGHT - self.BOTTOM - self.TOP)

    def dot(self, x, y, colour, tip, radius=3.5):
        self.marks.append(f'<circle cx="{self.place(x, 0):.1f}" cy="{self.place(y, 1):.1f}" r="{radius}" fill="{colour}" '
                          f'fill-opacity="0.8"><title>{html.escape(tip)}</title></circle>')

    def line(self, points, colour, more=""):
        places = " ".join(f"{self.place(x, 0):.1f},{self.place(y, 1):.1f}" for x, y in points)
        self.marks.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"{more}/>')

    def text(self, x, y, words, anchor="start", more=""):
        self.marks.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(words)}</text>')

    def legend(self, entries, x=None):
        """Colours and what they mean, from the top down."""
        left = self.LEFT if x is None else x
        for row, (colour, words) in enumerate(entries):
            at = self.TOP + 14 + 16 * row
            self.marks.append(f'<circle cx="{left + 12}" cy="{at - 4}" r="4" fill="{colour}"/>')
            self.text(left + 22, at, words)

    def _draw(self, axis):
        for value in self.axes[axis].ticks:
            at = self.place(value, axis)
            ends = (at, self.TOP, at, self.HEIGHT - self.BOTTOM) if axis == 0 else (self.LEFT, at, self.WIDTH - self.RIGHT, at)
            self.marks.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/>' % ends)
            if axis == 0:
                self.text(at, self.HEIGHT - self.BOTTOM + 18, f"{value:g}", "middle")
            else:
                self.text(self.LEFT - 6, at + 4, f"{value:g}", "end")
        if axis == 0:
            self.text((self.LEFT + self.WIDTH) / 2, self.HEIGHT - 10, self.axes[0].label, "middle")
        else:
            middle = (self.HEIGHT - self.BOTTOM) / 2
            self.text(16, middle, self.axes[1].label, "middle", f' transform="rotate(-90 16 {middle:.0f})"')

    def svg(self, title):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.WIDTH} {self.HEIGHT}" role="img" '
                f'font-family="sans-serif" font-size="12"><title>{html.escape(title)}</title>'
                f'<rect width="{self.WIDTH}" height="{self.HEIGHT}" fill="white"/>\n' + "\n".join(self.marks) + "\n</svg>\n")
