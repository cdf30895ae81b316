"""The tables: values of several rounds, their medians and spread."""

import statistics

# What is compared, and how it is written: the sign of a good value is "<=".
RATIO, DIFFERENCE, ABSOLUTE = "ratio", "difference", "absolute"


class Result:
    """A row.  left and right are values of the rounds, in turns; in seconds,
    bytes or instructions."""

    def __init__(self, title, unit, left, right, how=RATIO, target=None,
                 limits=()):
        self.title = title
        self.unit = unit
        self.left = left
        self.right = right
        self.how = how
        self.target = target
        self.measured = len(limits)
        self.limits = [limit for limit in limits if limit]

    def compared(self):
        if self.how == RATIO:
            return [b / a for a, b in zip(self.left, self.right)]

        if self.how == DIFFERENCE:
            return [b - a for a, b in zip(self.left, self.right)]

        return self.right

    def median(self):
        return statistics.median(self.compared())

    def verdict(self):
        if self.target is None:
            return "-"

        return "met" if self.median() <= self.target else "**missed**"

    def written(self, value):
        """The value of one side, or a difference."""
        if self.unit == "bytes":
            return (f"{value / 2**20:.1f} MiB" if abs(value) >= 2**20
                    else f"{value / 2**10:.1f} KiB")

        if self.unit == "instructions":
            return f"{value:,.0f}"

        scale, name = (1e6, "µs") if abs(value) < 1e-3 else (1e3, "ms")

        return f"{value * scale:.3g} {name}"

    def cost(self, value):
        if self.how == RATIO:
            return f"{value:.2f} x"

        return ("+" if self.how == DIFFERENCE and value >= 0 else "") \
            + self.written(value)

    def spread(self):
        values = self.compared()

        if len(values) < 2:
            return ""

        return f"{self.cost(min(values))} .. {self.cost(max(values))}"

    def limit(self):
        """What stood in the way of measuring, in how many measurements."""
        if not self.limits:
            return None

        return (f"in {len(self.limits)} of {self.measured} measurements"
                f" {self.limits[-1]}")

    def cells(self):
        return [self.title,
                self.written(statistics.median(self.left)),
                self.written(statistics.median(self.right)),
                self.cost(self.median()), self.spread(),
                "" if self.target is None else f"<= {self.cost(self.target)}",
                self.verdict()]


def header(left, right):
    return ["", left, right, "median", "from .. to", "target", ""]


WIDTHS = (50, 11, 11, 10, 20, 11, 0)


def text_row(cells):
    title, *values = cells
    row = f"{title:<{WIDTHS[0]}}" + "".join(
        f" {value:>{width}}" for value, width in zip(values, WIDTHS[1:]))

    return row.replace("**", "").rstrip()


def markdown(head, results):
    def row(cells):
        return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"

    lines = [row(head), row(["---"] + ["---:"] * (len(head) - 2) + ["---"])]

    for result in results:
        lines.append(row([cell.replace("<=", "≤").replace(" x", " ×")
                          for cell in result.cells()]))

    notes = [f"{result.title}: {result.limit()}." for result in results
             if result.limits]

    if notes:
        lines += ["", *notes]

    return "\n".join(lines)
