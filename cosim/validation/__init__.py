"""Our figures beside the published ones: `cosim validate`.

``published.toml`` holds the figures with tolerance, source and tag;
``baseline.toml`` what passed when it was last committed. Each module of
measures computes one family of figures and knows none of the published values.
"""

from cosim.validation.table import (
    Measured,
    Row,
    Verdict,
    baseline,
    load_rows,
    regressions,
    validate,
    write_baseline,
)

__all__ = [
    "Measured",
    "Row",
    "Verdict",
    "baseline",
    "load_rows",
    "regressions",
    "validate",
    "write_baseline",
]
