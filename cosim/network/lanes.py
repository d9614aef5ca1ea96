"""Sixteen numbers at a time in the words of LLVM."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from cosim.network.random import GAUSS_BITS

LANES = 16
# Between the knots of a step table.
SEGMENTS = 32
# Factors of the SplitMix64 output function, as in `cosim.network.random.mix`.
FIRST_FACTOR, SECOND_FACTOR = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

F32, I32, I64, BIT = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.IntType(1)
MASK = ir.IntType(LANES)
FLOATS, INTEGERS, LONGS, BITS = (ir.VectorType(t, LANES) for t in (F32, I32, I64, BIT))


class Lanes:
    """Short names for what is done to sixteen numbers at a time."""

    def __init__(self, builder: Any) -> None:
        self.b = builder

    def constant(self, kind: Any, values: Any) -> Any:
        """A vector of constants; one number stands for sixteen."""
        many = list(values) if isinstance(values, (list, range)) else [values] * LANES
        return ir.Constant(kind, many)

    def spread(self, kind: Any, value: Any) -> Any:
        """The same number in every lane."""
        first = self.b.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
        return self.b.shuffle_vector(
            first, ir.Constant(kind, ir.Undefined), ir.Constant(INTEGERS, [0] * LANES)
        )

    def call(self, name: str, kind: Any, values: list[Any]) -> Any:
        """An intrinsic of LLVM."""
        function = ir.FunctionType(kind, [v.type for v in values])
        known = self.b.module.globals.get(name)
        return self.b.call(known or ir.Function(self.b.module, function, name), values)

    def place(self, data: Any, offset: Any, kind: Any) -> Any:
        """Pointer to sixteen numbers from `offset` on."""
        return self.b.bitcast(self.b.gep(data, [offset]), kind.as_pointer())

    def load(self, data: Any, offset: Any, mask: Any, otherwise: float) -> Any:
        """Floats of the lanes in `mask`, `otherwise` in the others."""
        place = self.place(data, offset, FLOATS)
        rest = self.constant(FLOATS, otherwise)
        return self.call(
            f"llvm.masked.load.v{LANES}f32.p0v{LANES}f32", FLOATS, [place, I32(4), mask, rest]
        )

    def store(self, values: Any, data: Any, offset: Any, mask: Any) -> None:
        """Write the floats of the lanes in `mask`."""
        place = self.place(data, offset, FLOATS)
        self.call(
            f"llvm.masked.store.v{LANES}f32.p0v{LANES}f32",
            ir.VoidType(), [values, place, I32(4), mask],
        )  # fmt: skip

    def look_up(self, data: Any, index: Any, kind: Any) -> Any:
        """One element of a table per lane."""
        out = ir.Constant(kind, ir.Undefined)
        for lane in range(LANES):
            at = self.b.extract_element(index, I32(lane))
            value = self.b.load(self.b.gep(data, [at]))
            out = self.b.insert_element(out, value, I32(lane))
        return out

    def of_32(self, index: Any, low: Any, high: Any) -> Any:
        """Numbers from two vectors by the lowest five bits of an index."""
        return self.call("llvm.x86.avx512.vpermi2var.ps.512", FLOATS, [low, index, high])

    def above(self, a: Any, b: Any) -> Any:
        """Lanes where a > b."""
        return self.b.fcmp_ordered(">", a, b)

    def limit(self, values: Any, low: Any, high: Any) -> Any:
        """`values` between `low` and `high`."""
        risen = self.b.select(self.above(values, low), values, low)
        return self.b.select(self.above(high, risen), risen, high)

    def size(self, values: Any) -> Any:
        """Magnitudes."""
        return self.call(f"llvm.fabs.v{LANES}f32", FLOATS, [values])

    def random(self, counters: Any) -> Any:
        """Places in the table of normal numbers from counters."""
        b = self.b

        def mixed(z: Any, shift: int) -> Any:
            return b.xor(z, b.lshr(z, self.constant(LONGS, shift)))

        z = b.mul(mixed(counters, 30), self.constant(LONGS, FIRST_FACTOR))
        z = b.mul(mixed(z, 27), self.constant(LONGS, SECOND_FACTOR))
        z = b.lshr(mixed(z, 31), self.constant(LONGS, 64 - GAUSS_BITS))
        return b.trunc(z, INTEGERS)

    def ranks(self, mask: Any) -> Any:
        """How many lanes of a mask (as a number) lie below each lane."""
        below = self.constant(INTEGERS, [(1 << k) - 1 for k in range(LANES)])
        wide = self.spread(INTEGERS, self.b.zext(mask, I32))
        return self.call(f"llvm.ctpop.v{LANES}i32", INTEGERS, [self.b.and_(wide, below)])

    def bits(self, mask: Any) -> Any:
        """A mask as a whole number."""
        return self.b.bitcast(mask, MASK)

    def some(self, mask: Any) -> Any:
        """Whether a lane is set."""
        return self.b.icmp_unsigned("!=", self.bits(mask), MASK(0))

    def tally(self, mask: Any) -> Any:
        """Number of set bits."""
        return self.b.zext(self.call(f"llvm.ctpop.i{LANES}", MASK, [mask]), I64)

    def either(self, kind: Any, usual: Any, before: Any, rare: Any, inside: Any) -> Any:
        """`usual` when coming from the block `before`, `rare` when from `inside`."""
        chosen = self.b.phi(kind)
        chosen.add_incoming(usual, before)
        chosen.add_incoming(rare, inside)
        return chosen


class Steps:
    """The tables of up and down steps, interpolated as `mean_step` does."""

    def __init__(self, v: Lanes, law: Any, knots: Any, wide: bool) -> None:
        self.v, self.law, self.knots = v, law, knots
        b = v.b
        self.held: list[tuple[list[Any], list[Any]]] = []
        for row in (0, SEGMENTS + 1) if wide else ():
            left, right = (
                [
                    b.load(v.place(law, I64(row + first + half), FLOATS), align=4)
                    for half in (0, LANES)
                ]
                for first in (0, 1)
            )
            self.held.append((left, [b.fsub(r, h) for h, r in zip(left, right, strict=True)]))

    def at(self, u: Any, down: Any) -> Any:
        """Steps at `u`, flat outside 0 to 1."""
        v, b = self.v, self.v.b
        last = b.sub(self.knots, I32(1))
        inside = v.limit(u, v.constant(FLOATS, 0.0), v.constant(FLOATS, 1.0))
        t = b.fmul(inside, v.spread(FLOATS, b.sitofp(last, F32)))
        knot = b.fptosi(t, INTEGERS)
        final = v.spread(INTEGERS, b.sub(last, I32(1)))
        knot = b.select(b.icmp_signed("<", knot, final), knot, final)
        part = b.fsub(t, b.sitofp(knot, FLOATS))
        if self.held:
            (up, rise), (fallen, fall) = (
                [v.of_32(knot, *halves) for halves in both] for both in self.held
            )
            left, change = b.select(down, fallen, up), b.select(down, fall, rise)
        else:
            place = b.add(
                knot, b.select(down, v.spread(INTEGERS, self.knots), v.constant(INTEGERS, 0))
            )
            left = v.look_up(self.law, place, FLOATS)
            right = v.look_up(self.law, b.add(place, v.constant(INTEGERS, 1)), FLOATS)
            change = b.fsub(right, left)
        return b.fadd(left, b.fmul(part, change))
