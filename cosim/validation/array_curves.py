"""Curves of whole arrays for the validation page: products against time and size, settling.

Every function takes ``quick`` and returns one matplotlib figure and what it shows.
"""

from __future__ import annotations

import numpy as np

from cosim.published import published
from cosim.validation.curve_frame import OURS, THEIRS, Drawn, blank
from cosim.validation.product import TEN_YEARS, TIMES, product_error


def product_time(quick: bool) -> Drawn:
    """RMSE of products against time on the behavioural and the array rung."""
    from cosim.validation.product_array import ArrayProduct

    figure, axis = blank()
    times = np.array(list(TIMES.values()))
    draws = 4 if quick else 16
    curves: dict[str, list[float]] = {
        "authors' formula for wires": [
            product_error(time=t, draws=draws, wire_law="published").mean() for t in times
        ],
        "no wires, reference column": [
            product_error(time=t, draws=draws, wire=0.0, scheme="reference").mean() for t in times
        ],
    }
    for label, scheme in (
        ("array, reference column", "reference"),
        ("array, pairs", "differential"),
    ):
        curves[label] = [
            ArrayProduct(time=t, scheme=scheme, count=20).solve()[0]  # type: ignore[arg-type]
            for t in times
        ]
    for (label, values), mark in zip(curves.items(), "osD^", strict=True):
        axis.semilogx(times, values, mark + "-", ms=4, label=f"ours: {label}")
    axis.semilogx(
        times, [published(f"product_code_{name}").value for name in TIMES], "x", color="black",
        ms=8, mew=2,
        label="authors' public code, run as it stands",
    )  # fmt: skip
    stated = [published(f"product_{name}").value for name in ("1s", "10y")]
    axis.semilogx([1.0, TEN_YEARS], stated, "*", color=THEIRS, ms=13, label="published")
    axis.set_ylim(0.0, 0.42)
    axis.set_xlabel("time since programming [s]")
    axis.set_ylabel("RMSE of 64 x 64 products")
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    return figure, (
        "Products, 6 bits in, 8 bits out, 0.35 ohm a segment. Array: every transistor and wire, "
        "inputs bit by bit, one gain a column."
    )


def product_size(quick: bool) -> Drawn:
    """RMSE of products after a second against the size of the array."""
    from cosim.validation.product_array import ArrayProduct

    figure, axis = blank()
    sizes = (32, 64, 128) if quick else (32, 64, 128, 256)
    cases: dict[str, list[float]] = {
        "authors' formula": [
            product_error(size=n, draws=2, wire_law="published", scale_bound=False).mean()
            for n in sizes
        ],
        # The array at 256 x 256 has its row in the table, and would take longest of all here.
        "array, reference column": [ArrayProduct(size=n, count=12).solve()[0] for n in sizes[:3]],
        "array, pairs": [
            ArrayProduct(size=n, count=12, scheme="differential").solve()[0] for n in sizes[:3]
        ],
        "no wires": [product_error(size=n, draws=2, wire=0.0).mean() for n in sizes],
    }
    for (label, values), mark in zip(cases.items(), "oD^s", strict=True):
        axis.loglog(sizes[: len(values)], values, mark + "-", ms=4, label=f"ours: {label}")
    names = {64: "product_code_1s", 128: "product_code_128", 256: "product_code_256"}
    theirs = {n: published(name).value for n, name in names.items()}
    shown = [n for n in sizes if n in theirs]
    axis.loglog(shown, [theirs[n] for n in shown], "x", color="black", ms=8, mew=2,
                label="authors' public code")  # fmt: skip
    axis.loglog([64], [published("product_1s").value], "*", color=THEIRS, ms=13, label="published")
    axis.set_xticks(sizes, [str(n) for n in sizes])
    marks = (0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
    axis.set_yticks(marks, [f"{mark:g}" for mark in marks])
    axis.minorticks_off()
    axis.set_xlabel("rows and columns")
    axis.set_ylabel("RMSE of products, 1 s")
    axis.legend(frameon=False, fontsize=8)
    return figure, "Wires of 0.35 ohm a segment against the size of the array."


def settling(quick: bool) -> Drawn:
    """Settling of products and updates against the size of the array."""
    from cosim.validation.timing import Drive, array_settling, circuit_settling, linear_settling

    figure, axis = blank()
    sizes = (2, 4, 8, 16, 32, 64) if quick else (2, 4, 8, 16, 32, 64, 128)
    # Beyond, a transient of the whole array takes half a minute.
    solved = sizes[: 4 if quick else 5]
    drawn: tuple[tuple[Drive, str, str, str], ...] = (
        ("read", "o", OURS, "product"),
        ("update", "s", "black", "parallel update"),
    )
    for drive, mark, colour, label in drawn:
        linear = [linear_settling(n, drive, steps=200) for n in sizes]
        axis.loglog(
            sizes, np.array(linear) * 1e9, ":", color=colour, label=f"{label}, linear cells"
        )
        times = [
            array_settling(n, drive, max(3.0 * t, 1.5e-10))
            for n, t in zip(solved, linear, strict=False)
        ]
        axis.loglog(solved, np.array(times) * 1e9, mark + "-", color=colour, ms=4, label=label)
    for n in (2, 4) if quick else (2, 4, 8):
        axis.loglog(n, circuit_settling(n, "read") * 1e9, "x", color=THEIRS, ms=8, mew=2,
                    label="product in ngspice" if n == 2 else None)  # fmt: skip
    for level, text in ((100.0, "read of 100 ns"), (2500.0, "pulse of 2.5 us")):
        axis.axhline(level, color=THEIRS, linestyle="--", linewidth=1.0)
        axis.text(2, level * 1.15, text, color=THEIRS, fontsize=8)
    axis.set_xticks(sizes, [str(n) for n in sizes])
    axis.minorticks_off()
    axis.set_ylim(0.01, 8000.0)
    axis.set_xlabel("rows and columns")
    axis.set_ylabel("settling to 1 % [ns]")
    axis.legend(frameon=False, fontsize=8, loc="center right")
    return figure, (
        "Settling after an edge on all lines, with wires, drivers and the charges of the devices: "
        "far below a read and a pulse at every size, which is what constant time means."
    )
