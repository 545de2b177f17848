"""Health tests of an entropy source: the repetition count and the adaptive proportion of NIST SP 800-90B, 4.4.

They run over the bytes and over each of the eight bits, since a stuck bit leaves the bytes looking well. They are made
for raw noise; a generator's output passes them whatever its seed was. So they stop a source that is broken, and never
one that is predictable: against that stand the mixing and the measured code.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused

ALPHA_BITS = 30
"""An honest source fails a test with probability 2**-30 a window. SP 800-90B recommends 2**-20 to 2**-40."""
START_UP_SAMPLES = 1024
"""Source: SP 800-90B, 4.3, requirement 4."""
BYTE_WINDOW = 512
BIT_WINDOW = 1024
"""Windows of the adaptive proportion. Source: SP 800-90B, 4.4.2: 1024 for a binary source, 512 for any other."""
FULL_BYTE = Fraction(8)
_BIT = Fraction(1)
_LEAST_KINDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOffs:
    """Where the two tests say no. repetition: equal samples in a row. proportion: of `window` samples equal to one."""

    repetition: int
    proportion: int
    window: int


@dataclass(slots=True, kw_only=True)
class SampleTest:
    """Both tests over one stream of samples, kept from one read to the next. what: as it stands in a refusal."""

    what: str
    cut_offs: CutOffs
    _last: int = -1
    _run: int = 0
    _first: int = -1
    _seen: int = 0
    _equal: int = 0

    def feed(self, sample: int) -> str | None:
        """Take one sample; the words of the failure, or None."""
        self._run = self._run + 1 if sample == self._last else 1
        self._last = sample
        if self._seen == 0:
            self._first, self._equal = sample, 0
        self._equal += sample == self._first
        self._seen = (self._seen + 1) % self.cut_offs.window
        if self._run >= self.cut_offs.repetition:
            return f"{self._run} equal {self.what} in a row"
        if self._equal >= self.cut_offs.proportion:
            return f"{self._equal} of {self.cut_offs.window} {self.what} equal"
        return None


@dataclass(slots=True, kw_only=True)
class HealthMonitor:
    """The tests of one source of bytes. claimed: bits of min-entropy in a byte, above 0 and at most 8."""

    name: str
    claimed: Fraction = FULL_BYTE
    _tests: list[SampleTest] = field(default_factory=list)
    _bits: list[SampleTest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tests = [SampleTest(what="bytes", cut_offs=compute_cut_offs(self.claimed, BYTE_WINDOW))]
        if self.claimed == FULL_BYTE:
            # Only who claims full bytes claims full bits; a source of letters has bits that never change.
            self._bits = [
                SampleTest(what=f"values of bit {bit}", cut_offs=compute_cut_offs(_BIT, BIT_WINDOW)) for bit in range(8)
            ]

    @property
    def cut_offs(self) -> tuple[tuple[str, CutOffs], ...]:
        """Of the bytes and, where they are tested, of each bit."""
        every = [self._tests[0], *self._bits[:1]]
        return tuple((name, test.cut_offs) for name, test in zip(("byte", "bit"), every, strict=False))

    def feed(self, samples: bytes) -> None:
        """Test what was read. Raises RefusedError ENTROPY_HEALTH_FAIL, which names the source and no sample."""
        for sample in samples:
            for words in (
                self._tests[0].feed(sample),
                *(test.feed(sample >> bit & 1) for bit, test in enumerate(self._bits)),
            ):
                if words is not None:
                    raise unhealthy(self.name, "a source that varies", words)


def compute_cut_offs(claimed: Fraction, window: int) -> CutOffs:
    """The cut-offs for a claimed min-entropy in bits a sample.

    Repetition: 1 + ceil(-log2(alpha) / H). Proportion: the window's first sample is equal to itself, so the critical
    value of the binomial distribution is that of the others. Source: SP 800-90B, 4.4.1 and 4.4.2, there with the first
    sample counted as if it could differ.
    """
    repetition = 1 + math.ceil(Fraction(ALPHA_BITS) / claimed)
    chance = 2 ** -(claimed.numerator / claimed.denominator)
    proportion = 2 + _critical_value(window - 1, chance)
    return CutOffs(repetition=repetition, proportion=min(window, proportion), window=window)


def check_typed_line(name: str, line: str) -> None:
    """Test a line of dice throws or key presses, without its blanks. Raises RefusedError ENTROPY_HEALTH_FAIL.

    A line is shorter than any window, so its own length is the window, at two bits a character (a die gives 2.6). What
    people type when they are in a hurry is refused besides: few kinds of characters, or one piece over and over.
    """
    samples = line.encode()
    if len(set(line)) < _LEAST_KINDS:
        raise unhealthy(name, f"at least {_LEAST_KINDS} kinds of characters", f"{len(set(line))}")
    cut_offs = compute_cut_offs(Fraction(2), len(samples))
    if max(Counter(samples).values()) >= cut_offs.proportion:
        raise unhealthy(name, f"fewer than {cut_offs.proportion} of one character", "more")
    test = SampleTest(what="characters", cut_offs=cut_offs)
    for sample in samples:
        words = test.feed(sample)
        if words is not None:
            raise unhealthy(name, "a line that varies", words)
    if any(line[period:] == line[:-period] for period in range(1, len(line) // 2 + 1)):
        raise unhealthy(name, "a line that does not repeat", "one piece over and over")


def unhealthy(source: str, expected: str, got: str) -> RefusedError:
    """The refusal of a source by its name."""
    return refused(Code.ENTROPY_HEALTH_FAIL, f"entropy source {source}", expected, got)


def _critical_value(count: int, chance: float) -> int:
    """The smallest k with P(X <= k) >= 1 - alpha, for X of the binomial distribution of that count and chance."""
    alpha, tail = 2.0**-ALPHA_BITS, 0.0
    for k in range(count, 0, -1):
        tail += math.exp(_log_probability(count, k, chance))
        if tail > alpha:
            return k
    return 0


def _log_probability(count: int, k: int, chance: float) -> float:
    ways = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
    return ways + k * math.log(chance) + (count - k) * math.log1p(-chance)
