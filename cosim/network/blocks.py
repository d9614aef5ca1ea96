"""Devices of a row pulsed sixteen at once, as one piece of vector code.

The compiler does not vectorise a loop with look-ups, random numbers that only some devices
draw, and stops; so this piece is handed to it as vectors. It does what `some_pulses` does
on one device after the other, bit for bit, on any processor: where vectors of sixteen are
missing, the compiler cuts them up.

Time goes by how long one step waits for another. So the random numbers are fetched for all
devices that are likely to draw one, beside the look-up of their steps, and once more in the
rare case that a device does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
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

    def of_32(self, index: Any, low: Any, high: Any) -> Any:
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
def pulse_blocks(
    typing_context: Any, w: Any, planes: Any, numbers: Any, sides: Any, law: Any, noise: Any,
    bounds: Any, gauss: Any, up: Any, start: Any, column: Any, lanes: Any, read: Any,
    lumped: Any, counter: Any,
) -> Any:  # fmt: skip
    """Pulses on the devices of one row, up to the first that needs single steps.

    Parameters
    ----------
    w : float32 (inputs, outputs)
    planes : float32 (4, inputs, outputs)
    numbers, sides : int32
        Pulses and signs by column, room for a multiple of 16.
    law, noise, bounds, gauss
        As everywhere; `gauss` the table of normal numbers.
    up : int32
        The sign that raises.
    start, column : int64
        First element of the row; column to begin with, a multiple of 16.
    lanes : int32
        Bit mask of the first sixteen columns that may be touched.
    read : int32
        1 leaves out a random number before every such column, pulsed or not; else 0.
    lumped : float32
        Largest share of the window for several pulses in one step.
    counter : uint64

    Returns
    -------
    (uint64, int64, int32)
        Counter afterwards; first column of the last sixteen; bit mask of those of them that
        need single steps (0 at the end of the row). Only columns before the first of these
        were pulsed.
    """
    arrays = (w, planes, numbers, sides, law, noise, bounds, gauss)
    if any(a.layout != "C" for a in arrays):
        return None  # Places in memory are counted below.
    kinds: Any = types
    signature = kinds.Tuple((types.uint64, types.int64, types.int32))(
        *arrays, types.int32, types.int64, types.int64, types.int32, types.int32, types.float32,
        types.uint64,
    )  # fmt: skip

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = [
            _data(context, builder, kind, value)
            for kind, value in zip(signature.args[:8], values[:8], strict=True)
        ]
        shape = context.make_array(planes)(context, builder, values[1]).shape
        columns = builder.extract_value(shape, 2)
        size = builder.mul(builder.extract_value(shape, 1), columns)
        knots = builder.extract_value(context.make_array(law)(context, builder, values[4]).shape, 1)
        wide = "+avx512f" in context.codegen().magic_tuple()[2]
        row = _Row(_Lanes(builder), arrays, values[8:], (size, columns, knots), wide)
        return context.make_tuple(builder, signature.return_type, row.loop())

    return signature, generate


class _Row:
    """What `pulse_blocks` does."""

    def __init__(
        self, v: _Lanes, arrays: list[Any], rest: list[Any], sizes: tuple[Any, ...], wide: bool
    ) -> None:
        self.v, self.wide = v, wide
        self.w, self.planes, self.numbers, self.sides, law, noise, bounds, self.gauss = arrays
        up, self.start, self.column, self.lanes, self.read, lumped, self.counter = rest
        self.up = v.spread(_VI, up)
        self.size, self.columns, knots = sizes
        b = v.b

        def scalar(data: Any, index: int) -> Any:
            return v.spread(_VF, b.load(b.gep(data, [_I64(index)])))

        # Memory that never changes is read once: the compiler cannot know that it does not.
        self.noise = [scalar(noise, n) for n in range(4)]
        zero = v.constant(_VF, 0.0)
        even = b.and_(v.above(self.noise[0], zero), v.above(self.noise[1], zero))
        for n in (2, 3):
            even = b.and_(even, b.not_(v.above(self.noise[n], zero)))
        self.uneven = b.icmp_unsigned("!=", b.bitcast(even, _MASK), _MASK((1 << LANES) - 1))
        self.bounds = [scalar(bounds, n) for n in range(2)]
        self.lumped = v.spread(_VF, lumped)
        self.steps = _Steps(v, law, b.trunc(knots, _I32), wide)
        self.stride = v.constant(_VL, int(STRIDE))

    def loop(self) -> tuple[Any, Any, Any]:
        """Sixteen after sixteen; what `pulse_blocks` returns."""
        b = self.v.b
        before = b.basic_block
        head, pulse, onward, end = (
            b.append_basic_block(n) for n in ("head", "pulse", "onward", "end")
        )
        b.branch(head)
        b.position_at_end(head)
        column, counter, lanes = b.phi(_I64), b.phi(_I64), b.phi(_I32)
        for value, first in ((column, self.column), (counter, self.counter), (lanes, self.lanes)):
            value.add_incoming(first, before)
        left = b.sub(self.columns, column)
        tail = b.sub(
            b.shl(_I64(1), b.select(b.icmp_signed(">", left, _I64(LANES)), _I64(LANES), left)),
            _I64(1),
        )
        allowed = b.trunc(b.and_(lanes, b.trunc(tail, _I32)), _MASK)
        count = b.load(self.v.place(self.numbers, column, _VI), align=4)
        hit = b.and_(b.icmp_signed(">", count, self.v.constant(_VI, 0)), b.bitcast(allowed, _VB))
        idle = b.mul(self._tally(allowed), b.zext(self.read, _I64))
        skipped = b.add(counter, b.mul(idle, _I64(int(STRIDE))))
        b.cbranch(b.icmp_unsigned("==", self._bits(hit), _MASK(0)), onward, pulse)
        b.position_at_end(pulse)
        pulsed, stops = self._sixteen(column, counter, allowed, count, hit)
        hard = b.zext(stops, _I32)
        done = b.basic_block
        b.cbranch(b.icmp_unsigned("==", stops, _MASK(0)), onward, end)
        b.position_at_end(onward)
        later = b.phi(_I64)
        later.add_incoming(skipped, head)
        later.add_incoming(pulsed, done)
        following = b.add(column, _I64(LANES))
        column.add_incoming(following, onward)
        counter.add_incoming(later, onward)
        lanes.add_incoming(_I32((1 << LANES) - 1), onward)
        b.cbranch(b.icmp_signed("<", following, self.columns), head, end)
        b.position_at_end(end)
        out = []
        for kind, stopped, last in (
            (_I64, pulsed, later), (_I64, column, following), (_I32, hard, _I32(0)),
        ):  # fmt: skip
            value = b.phi(kind)
            value.add_incoming(stopped, done)
            value.add_incoming(last, onward)
            out.append(value)
        return out[0], out[1], out[2]

    def _bits(self, mask: Any) -> Any:
        return self.v.b.bitcast(mask, _MASK)

    def _some(self, mask: Any) -> Any:
        """Whether a lane is set."""
        return self.v.b.icmp_unsigned("!=", self._bits(mask), _MASK(0))

    def _tally(self, mask: Any) -> Any:
        """Number of set bits."""
        return self.v.b.zext(self.v.call(f"llvm.ctpop.i{LANES}", _MASK, [mask]), _I64)

    def _normal(self, places: Any) -> Any:
        """Normal numbers at places of the generator."""
        index = self.v.random(places)
        return self.v.look_up(self.gauss, index, _VF)

    def _places(self, counter: Any, drawn: Any, rough: Any, readings: Any) -> Any:
        """Places of the generator from which the lanes in `drawn` take their first number."""
        v, b = self.v, self.v.b
        order = b.add(v.ranks(self._bits(drawn)), readings)
        before = b.basic_block
        with b.if_then(self._some(rough), likely=False):
            twice = b.add(order, v.ranks(self._bits(rough)))
            inside = b.basic_block
        order = b.zext(self._either(_VI, order, before, twice, inside), _VL)
        ahead = b.mul(b.add(order, v.constant(_VL, 1)), self.stride)
        return b.add(v.spread(_VL, counter), ahead)

    def _root(self, count: Any, many: Any) -> Any:
        """Square roots of the numbers of pulses."""
        v, b = self.v, self.v.b
        if not self.wide:
            return v.call(f"llvm.sqrt.v{LANES}f32", _VF, [many])
        roots = np.sqrt(np.arange(2 * LANES, dtype=np.float32))
        low, high = (
            v.constant(_VF, [float(r) for r in half]) for half in (roots[:LANES], roots[LANES:])
        )
        quick = v.of_32(count, low, high)
        before = b.basic_block
        long = b.icmp_signed(">", count, v.constant(_VI, 2 * LANES - 1))
        with b.if_then(self._some(long), likely=False):
            slow = v.call(f"llvm.sqrt.v{LANES}f32", _VF, [many])
            inside = b.basic_block
        return self._either(_VF, quick, before, slow, inside)

    def _either(self, kind: Any, usual: Any, before: Any, rare: Any, inside: Any) -> Any:
        chosen = self.v.b.phi(kind)
        chosen.add_incoming(usual, before)
        chosen.add_incoming(rare, inside)
        return chosen

    def _sixteen(
        self, column: Any, counter: Any, allowed: Any, count: Any, hit: Any
    ) -> tuple[Any, Any]:
        """Counter afterwards, and the lanes that need single steps."""
        v, b = self.v, self.v.b
        zero = v.constant(_VF, 0.0)
        down = b.icmp_signed("!=", b.load(v.place(self.sides, column, _VI), align=4), self.up)
        many = b.sitofp(count, _VF)
        relative = b.select(down, self.noise[1], self.noise[0])
        floor = b.select(down, self.noise[3], self.noise[2])
        usual = b.basic_block
        with b.if_then(self.uneven, likely=False):
            floored_1 = v.above(floor, zero)
            rough_1 = b.and_(hit, floored_1)
            likely_1 = b.and_(hit, b.or_(v.above(relative, zero), floored_1))
            inside = b.basic_block
        nobody = ir.Constant(_VB, [False] * LANES)
        floored = self._either(_VB, nobody, usual, floored_1, inside)
        rough = self._either(_VB, nobody, usual, rough_1, inside)
        likely = self._either(_VB, hit, usual, likely_1, inside)
        readings = b.add(v.ranks(allowed), v.constant(_VI, 1))
        readings = b.mul(readings, v.spread(_VI, self.read))
        root = self._root(count, many)
        places = self._places(counter, likely, rough, readings)
        normal = self._normal(places)

        offset = b.add(self.start, column)
        low = v.load(self.planes, offset, hit, 0.0)
        span = v.load(self.planes, b.add(offset, self.size), hit, 1.0)
        twice = b.add(offset, b.add(self.size, self.size))
        rise = v.load(self.planes, twice, b.and_(hit, b.not_(down)), 0.0)
        fall = v.load(self.planes, b.add(twice, self.size), b.and_(hit, down), 0.0)
        scale = b.select(down, b.fsub(v.constant(_VF, -0.0), fall), rise)
        u = b.fdiv(b.fsub(v.load(self.w, offset, hit, 0.0), low), span)
        mean = b.fmul(self.steps.at(u, down), scale)
        magnitude = v.size(mean)
        far = b.fcmp_unordered(">=", b.fmul(many, magnitude), self.lumped)
        hard = b.and_(hit, b.and_(far, b.icmp_signed(">", count, v.constant(_VI, 1))))
        sigma = b.fmul(magnitude, relative)
        noisy = b.or_(v.above(sigma, zero), floored)
        after = self._after(counter, allowed, likely, rough)

        usual = b.basic_block
        odd = b.or_(hard, b.and_(likely, b.not_(noisy)))
        with b.if_then(self._some(odd), likely=False):
            stops = self._bits(hard)
            before = b.and_(b.not_(stops), b.sub(stops, _MASK(1)))
            seen = b.and_(allowed, b.or_(before, b.and_(stops, b.neg(stops))))
            within = b.bitcast(before, _VB)
            hit_now, rough_now = b.and_(hit, within), b.and_(rough, within)
            drawn = b.and_(hit_now, noisy)
            places_now = self._places(counter, drawn, rough_now, readings)
            normal_now = self._normal(places_now)
            after_now = self._after(counter, seen, drawn, rough_now)
            inside = b.basic_block

        def either(kind: Any, at_once: Any, now: Any) -> Any:
            return self._either(kind, at_once, usual, now, inside)

        places, normal = either(_VL, places, places_now), either(_VF, normal, normal_now)
        hit, rough = either(_VB, hit, hit_now), either(_VB, rough, rough_now)
        after, stops = either(_I64, after, after_now), either(_MASK, _MASK(0), stops)

        step = b.fmul(mean, many)
        step = b.fadd(step, b.fmul(b.fmul(root, sigma), normal))
        usual = b.basic_block
        with b.if_then(self._some(rough), likely=False):
            second = self._normal(b.add(places, self.stride))
            worse = b.fadd(step, b.fmul(b.fmul(root, floor), second))
            inside = b.basic_block
        step = self._either(_VF, step, usual, worse, inside)
        u = v.limit(b.fadd(u, step), *self.bounds)
        v.store(b.fadd(low, b.fmul(u, span)), self.w, offset, hit)
        return after, stops

    def _after(self, counter: Any, seen: Any, drawn: Any, rough: Any) -> Any:
        """Counter after the lanes of three masks took their random numbers."""
        b = self.v.b
        draws = b.add(self._tally(self._bits(drawn)), self._tally(self._bits(rough)))
        draws = b.add(draws, b.mul(self._tally(seen), b.zext(self.read, _I64)))
        return b.add(counter, b.mul(draws, _I64(int(STRIDE))))


class _Steps:
    """The tables of up and down steps, interpolated as `mean_step` does."""

    def __init__(self, v: _Lanes, law: Any, knots: Any, wide: bool) -> None:
        self.v, self.law, self.knots = v, law, knots
        b = v.b
        self.held: list[tuple[list[Any], list[Any]]] = []
        for row in (0, SEGMENTS + 1) if wide else ():
            left, right = (
                [
                    b.load(v.place(law, _I64(row + first + half), _VF), align=4)
                    for half in (0, LANES)
                ]
                for first in (0, 1)
            )
            self.held.append((left, [b.fsub(r, h) for h, r in zip(left, right, strict=True)]))

    def at(self, u: Any, down: Any) -> Any:
        """Steps at `u`, flat outside 0 to 1."""
        v, b = self.v, self.v.b
        last = b.sub(self.knots, _I32(1))
        inside = v.limit(u, v.constant(_VF, 0.0), v.constant(_VF, 1.0))
        t = b.fmul(inside, v.spread(_VF, b.sitofp(last, _F32)))
        knot = b.fptosi(t, _VI)
        final = v.spread(_VI, b.sub(last, _I32(1)))
        knot = b.select(b.icmp_signed("<", knot, final), knot, final)
        part = b.fsub(t, b.sitofp(knot, _VF))
        if self.held:
            (up, rise), (fallen, fall) = (
                [v.of_32(knot, *halves) for halves in both] for both in self.held
            )
            left, change = b.select(down, fallen, up), b.select(down, fall, rise)
        else:
            place = b.add(knot, b.select(down, v.spread(_VI, self.knots), v.constant(_VI, 0)))
            left = v.look_up(self.law, place, _VF)
            right = v.look_up(self.law, b.add(place, v.constant(_VI, 1)), _VF)
            change = b.fsub(right, left)
        return b.fadd(left, b.fmul(part, change))
