"""Sixteen neighbouring devices pulsed at once, as one piece of vector code.

The compiler does not vectorise a loop with look-ups, random numbers that only some devices
draw, and stops; so this piece is handed to it as vectors. It does what `some_pulses` does
on one device after the other, bit for bit, on any processor: where vectors of sixteen are
missing, the compiler cuts them up.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from cosim.network.random import GAUSS_BITS, STRIDE

LANES = 16
SEGMENTS = 32
# Factors of the SplitMix64 output function, as in `cosim.network.random.mix`.
FIRST_FACTOR, SECOND_FACTOR = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

_F32, _I32, _I64, _BIT = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.IntType(1)
_MASK = ir.IntType(LANES)
_VF, _VI, _VL, _VB = (ir.VectorType(t, LANES) for t in (_F32, _I32, _I64, _BIT))


class _Lanes:
    """Short names for what is done to sixteen numbers at a time."""

    def __init__(self, builder: Any) -> None:
        self.b = builder

    def constant(self, kind: Any, values: Any) -> Any:
        """A vector of constants; one number stands for sixteen."""
        many = list(values) if isinstance(values, (list, range)) else [values] * LANES
        return ir.Constant(kind, many)

    def spread(self, kind: Any, value: Any) -> Any:
        """The same number in every lane."""
        first = self.b.insert_element(ir.Constant(kind, ir.Undefined), value, _I32(0))
        return self.b.shuffle_vector(
            first, ir.Constant(kind, ir.Undefined), ir.Constant(_VI, [0] * LANES)
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
        place = self.place(data, offset, _VF)
        rest = self.constant(_VF, otherwise)
        return self.call(
            f"llvm.masked.load.v{LANES}f32.p0v{LANES}f32", _VF, [place, _I32(4), mask, rest]
        )

    def store(self, values: Any, data: Any, offset: Any, mask: Any) -> None:
        """Write the floats of the lanes in `mask`."""
        place = self.place(data, offset, _VF)
        self.call(
            f"llvm.masked.store.v{LANES}f32.p0v{LANES}f32",
            ir.VoidType(), [values, place, _I32(4), mask],
        )  # fmt: skip

    def look_up(self, data: Any, index: Any, kind: Any) -> Any:
        """One element of a table per lane."""
        out = ir.Constant(kind, ir.Undefined)
        for lane in range(LANES):
            at = self.b.extract_element(index, _I32(lane))
            value = self.b.load(self.b.gep(data, [at]))
            out = self.b.insert_element(out, value, _I32(lane))
        return out

    def both(self, law: Any, index: Any, shift: int) -> tuple[Any, Any]:
        """`look_up` of places 0 to 31 from `shift` on: down table, up table."""
        b = self.b
        up, down = (
            self._of_32(
                index,
                *(
                    b.load(self.place(law, _I64(row + shift + half), _VF), align=4)
                    for half in (0, LANES)
                ),
            )
            for row in (0, SEGMENTS + 1)
        )
        return down, up

    def _of_32(self, index: Any, low: Any, high: Any) -> Any:
        """Numbers from two vectors by the lowest five bits of an index."""
        return self.call("llvm.x86.avx512.vpermi2var.ps.512", _VF, [low, index, high])

    def above(self, a: Any, b: Any) -> Any:
        """Lanes where a > b."""
        return self.b.fcmp_ordered(">", a, b)

    def limit(self, values: Any, low: Any, high: Any) -> Any:
        """`values` between `low` and `high`."""
        risen = self.b.select(self.above(values, low), values, low)
        return self.b.select(self.above(high, risen), risen, high)

    def size(self, values: Any) -> Any:
        """Magnitudes."""
        return self.call(f"llvm.fabs.v{LANES}f32", _VF, [values])

    def random(self, counters: Any) -> Any:
        """Places in the table of normal numbers from counters."""
        b = self.b

        def mixed(z: Any, shift: int) -> Any:
            return b.xor(z, b.lshr(z, self.constant(_VL, shift)))

        z = b.mul(mixed(counters, 30), self.constant(_VL, FIRST_FACTOR))
        z = b.mul(mixed(z, 27), self.constant(_VL, SECOND_FACTOR))
        z = b.lshr(mixed(z, 31), self.constant(_VL, 64 - GAUSS_BITS))
        return b.trunc(z, _VI)

    def ranks(self, mask: Any) -> Any:
        """How many lanes of a mask (as a number) lie below each lane."""
        below = self.constant(_VI, [(1 << k) - 1 for k in range(LANES)])
        wide = self.spread(_VI, self.b.zext(mask, _I32))
        return self.call(f"llvm.ctpop.v{LANES}i32", _VI, [self.b.and_(wide, below)])


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.make_array(kind)(context, builder, value).data


@intrinsic
def count_bits(typing_context: Any, word: Any) -> Any:
    """Number of set bits of a whole number."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return word(word), generate


@intrinsic
def pulse_block(
    typing_context: Any, w: Any, planes: Any, numbers: Any, sides: Any, law: Any, noise: Any,
    bounds: Any, gauss: Any, start: Any, column: Any, lanes: Any, read: Any, lumped: Any,
    counter: Any,
) -> Any:  # fmt: skip
    """Pulses on sixteen devices of one row, up to the first that needs single steps.

    Parameters
    ----------
    w : float32 (inputs, outputs)
    planes : float32 (4, inputs, outputs)
    numbers, sides : int32
        Pulses and signs (0 up, 1 down) by column, room for a multiple of 16.
    law, noise, bounds, gauss
        As everywhere; `gauss` the table of normal numbers.
    start, column : int64
        First element of the row, first column of the sixteen.
    lanes : int32
        Bit mask of the columns that may be touched.
    read : int32
        1 leaves out a random number before every such column, pulsed or not; else 0.
    lumped : float32
        Largest share of the window for several pulses in one step.
    counter : uint64

    Returns
    -------
    (uint64, int32)
        Counter afterwards; bit mask of the columns that need single steps. Only those before
        the first of these were pulsed.
    """
    arrays = (w, planes, numbers, sides, law, noise, bounds, gauss)
    if any(a.layout != "C" for a in arrays):
        return None  # Places in memory are counted below.
    kinds: Any = types
    signature = kinds.Tuple((types.uint64, types.int32))(
        *arrays, types.int64, types.int64, types.int32, types.int32, types.float32, types.uint64,
    )  # fmt: skip

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = [
            _data(context, builder, kind, value)
            for kind, value in zip(signature.args[:8], values[:8], strict=True)
        ]
        shape = context.make_array(planes)(context, builder, values[1]).shape
        size = builder.mul(builder.extract_value(shape, 1), builder.extract_value(shape, 2))
        knots = builder.extract_value(context.make_array(law)(context, builder, values[4]).shape, 1)
        wide = "+avx512f" in context.codegen().magic_tuple()[2]
        counter, hard = _body(_Lanes(builder), arrays, values[8:], size, knots, wide)
        return context.make_tuple(builder, signature.return_type, (counter, hard))

    return signature, generate


def _body(
    v: _Lanes, arrays: list[Any], rest: list[Any], size: Any, knots: Any, wide: bool
) -> tuple[Any, Any]:
    """What `pulse_block` returns."""
    w, planes, numbers, sides, law, noise, bounds, gauss = arrays
    start, column, lanes, read, lumped, counter = rest
    b = v.b
    zero, one, none = v.constant(_VF, 0.0), v.constant(_VF, 1.0), v.constant(_VI, 0)

    def scalar(data: Any, index: int) -> Any:
        return v.spread(_VF, b.load(b.gep(data, [_I64(index)])))

    def number(data: Any) -> Any:
        return b.load(v.place(data, column, _VI), align=4)

    def bits(mask: Any) -> Any:
        return b.bitcast(mask, _MASK)

    count = number(numbers)
    allowed = b.trunc(lanes, _MASK)
    hit = b.and_(b.icmp_signed(">", count, none), b.bitcast(allowed, _VB))
    down = b.icmp_signed("!=", number(sides), none)
    offset = b.add(start, column)
    low = v.load(planes, offset, hit, 0.0)
    span = v.load(planes, b.add(offset, size), hit, 1.0)
    twice = b.add(offset, b.add(size, size))
    rise = v.load(planes, twice, b.and_(hit, b.not_(down)), 0.0)
    fall = v.load(planes, b.add(twice, size), b.and_(hit, down), 0.0)
    scale = b.select(down, b.fsub(v.constant(_VF, -0.0), fall), rise)
    u = b.fdiv(b.fsub(v.load(w, offset, hit, 0.0), low), span)
    # The table's step.
    last = b.sub(b.trunc(knots, _I32), _I32(1))
    t = b.fmul(v.limit(u, zero, one), v.spread(_VF, b.sitofp(last, _F32)))
    knot = b.fptosi(t, _VI)
    final = v.spread(_VI, b.sub(last, _I32(1)))
    knot = b.select(b.icmp_signed("<", knot, final), knot, final)
    part = b.fsub(t, b.sitofp(knot, _VF))
    table = b.select(down, v.spread(_VI, b.trunc(knots, _I32)), none)
    at = b.add(knot, table)
    if wide:
        left, right = (b.select(down, *v.both(law, knot, n)) for n in (0, 1))
    else:
        left = v.look_up(law, at, _VF)
        right = v.look_up(law, b.add(at, v.constant(_VI, 1)), _VF)
    mean = b.fmul(b.fadd(left, b.fmul(part, b.fsub(right, left))), scale)
    # Noise of the pulses.
    magnitude = v.size(mean)
    many = b.sitofp(count, _VF)
    far = b.fcmp_unordered(">=", b.fmul(many, magnitude), v.spread(_VF, lumped))
    hard = b.and_(hit, b.and_(far, b.icmp_signed(">", count, v.constant(_VI, 1))))
    stops = bits(hard)
    before = b.and_(b.not_(stops), b.sub(stops, _MASK(1)))
    hit = b.and_(hit, b.bitcast(before, _VB))
    sigma = b.fmul(magnitude, b.select(down, scalar(noise, 1), scalar(noise, 0)))
    floor = b.select(down, scalar(noise, 3), scalar(noise, 2))
    rough = b.and_(hit, v.above(floor, zero))
    drawn = b.and_(hit, b.or_(v.above(sigma, zero), v.above(floor, zero)))
    order = b.add(v.ranks(bits(drawn)), v.ranks(bits(rough)))
    readings = b.add(v.ranks(allowed), v.constant(_VI, 1))
    order = b.add(order, b.mul(readings, v.spread(_VI, read)))
    stride = v.constant(_VL, int(STRIDE))
    base = v.spread(_VL, counter)
    first = b.add(base, b.mul(b.add(b.zext(order, _VL), v.constant(_VL, 1)), stride))
    root = v.call(f"llvm.sqrt.v{LANES}f32", _VF, [many])
    step = b.fmul(mean, many)
    step = b.fadd(step, b.fmul(b.fmul(root, sigma), v.look_up(gauss, v.random(first), _VF)))
    plain = b.basic_block
    with b.if_then(b.icmp_unsigned("!=", bits(rough), _MASK(0)), likely=False):
        normal = v.look_up(gauss, v.random(b.add(first, stride)), _VF)
        worse = b.fadd(step, b.fmul(b.fmul(root, floor), normal))
        inside = b.basic_block
    chosen = b.phi(_VF)
    chosen.add_incoming(step, plain)
    chosen.add_incoming(worse, inside)
    u = v.limit(b.fadd(u, chosen), scalar(bounds, 0), scalar(bounds, 1))
    v.store(b.fadd(low, b.fmul(u, span)), w, offset, hit)

    def tally(mask: Any) -> Any:
        return b.zext(v.call(f"llvm.ctpop.i{LANES}", _MASK, [mask]), _I64)

    stop = b.and_(stops, b.neg(stops))
    seen = b.mul(tally(b.and_(allowed, b.or_(before, stop))), b.zext(read, _I64))
    draws = b.add(seen, b.add(tally(bits(drawn)), tally(bits(rough))))
    after = b.add(counter, b.mul(draws, _I64(int(STRIDE))))
    return after, b.zext(stops, _I32)
