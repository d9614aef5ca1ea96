"""Functions for device equations that stay finite for any argument.

A Newton iterate may be far outside what a device can be. ``ln(1 + exp(x))``
overflows there, and so do exponentials of a state; a simulator does not recover
from an infinity.
These are sympy functions with exact derivatives; every printer knows them.
"""

from __future__ import annotations

from typing import Any

import sympy as sp


class softplus(sp.Function):  # noqa: N801
    """ln(1 + exp(x)), which is x for large x."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative, the logistic function."""
        return logistic(self.args[0])

    def _eval_is_real(self) -> bool:
        return True


class logistic(sp.Function):  # noqa: N801
    """1 / (1 + exp(-x))."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative s (1 - s)."""
        return self * (1 - self)

    def _eval_is_real(self) -> bool:
        return True


class clamp(sp.Function):  # noqa: N801
    """clamp(x, low, high): x inside far bounds that no device ever reaches.

    It changes nothing within them; it keeps the functions of an overshooting
    iterate finite.
    """

    nargs = 3

    @classmethod
    def eval(cls, value: Any, low: Any, high: Any) -> Any:
        """Evaluate where everything is a number, as in a frozen state."""
        if value.is_number and low.is_number and high.is_number:
            return sp.Min(sp.Max(value, low), high)
        return None

    def fdiff(self, argindex: int = 1) -> Any:
        """Return 1 inside, 0 outside."""
        return inside(*self.args) if argindex == 1 else sp.Integer(0)

    def _eval_is_real(self) -> bool:
        return True


class inside(sp.Function):  # noqa: N801
    """1 where low < x < high, else 0."""

    nargs = 3

    def fdiff(self, argindex: int = 1) -> Any:
        """Return 0."""
        return sp.Integer(0)

    def _eval_is_real(self) -> bool:
        return True


NAMES = ("softplus", "logistic", "clamp", "inside")

# What the generated numpy and numba modules start with.
NUMPY_SOURCE = """
def softplus(x):
    return logaddexp(0.0, x)


def logistic(x):
    return exp(-logaddexp(0.0, -x))


def clamp(x, low, high):
    return minimum(maximum(x, low), high)


def inside(x, low, high):
    return where((x > low) & (x < high), 1.0, 0.0)
"""

NUMBA_SOURCE = """
@numba.njit(cache=True, inline="always")
def softplus(x):
    return max(x, 0.0) + log1p(exp(-abs(x)))


@numba.njit(cache=True, inline="always")
def logistic(x):
    small = exp(-abs(x))
    return (1.0 if x >= 0.0 else small) / (1.0 + small)


@numba.njit(cache=True, inline="always")
def clamp(x, low, high):
    return min(max(x, low), high)


@numba.njit(cache=True, inline="always")
def inside(x, low, high):
    return 1.0 if low < x < high else 0.0
"""
