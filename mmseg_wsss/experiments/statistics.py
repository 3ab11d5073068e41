"""Mean, spread and paired differences of a few runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

# Two-sided 95 % quantiles of Student's t, by degrees of freedom; further ones are the normal's.
STUDENT_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
NORMAL_95 = 1.960


@dataclass(frozen=True)
class Spread:
    """Mean and spread of n values.

    Attributes:
        mean (float): NaN without values.
        deviation (float): Sample standard deviation (n - 1); NaN with fewer than two values.
        number (int): n.
    """

    mean: float
    deviation: float
    number: int

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Summarize values.

        >>> Spread.of([1.0, 2.0, 3.0])
        Spread(mean=2.0, deviation=1.0, number=3)
        """
        mean = fmean(values) if values else math.nan
        return cls(mean, stdev(values) if len(values) > 1 else math.nan, len(values))

    def text(self, signed: bool = False) -> str:
        """Write mean, deviation and, in brackets, the number of values."""
        if not self.number:
            return '–'
        mean = f'{self.mean:+.2f}' if signed else f'{self.mean:.2f}'
        if math.isnan(self.deviation):
            return f'{mean} ({self.number})'
        return f'{mean} ± {self.deviation:.2f} ({self.number})'


@dataclass(frozen=True)
class Difference:
    """What a variant has more than a reference, over the random seeds that both were run with.

    Attributes:
        spread (Spread): Of the differences, one for each random seed.
    """

    spread: Spread

    @classmethod
    def of(cls, variant: Mapping[int, float], reference: Mapping[int, float]) -> Difference:
        """Pair values by their random seed.

        >>> Difference.of({0: 3.0, 1: 5.0}, {0: 1.0, 1: 2.0, 2: 9.0}).spread.mean
        2.5
        """
        both = sorted(set(variant) & set(reference))
        return cls(Spread.of([variant[seed] - reference[seed] for seed in both]))

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval of the mean difference (Student's t); NaN with fewer
        than two pairs."""
        number = self.spread.number
        if number < 2:
            return math.nan
        place = number - 2
        quantile = STUDENT_95[place] if place < len(STUDENT_95) else NORMAL_95
        return quantile * self.spread.deviation / math.sqrt(number)

    @property
    def is_outside_spread(self) -> bool:
        """Whether the mean difference is larger than the spread of the differences, at three
        random seeds or more."""
        return self.spread.number >= 3 and abs(self.spread.mean) > self.spread.deviation

    @property
    def is_significant(self) -> bool:
        """Whether 0 is outside the 95 % interval of the mean difference, at three random seeds or
        more."""
        return self.spread.number >= 3 and abs(self.spread.mean) > self.margin

    def verdict(self) -> str:
        """Say in a few words what the difference is worth."""
        if self.spread.number < 3:
            return 'too few runs'
        if self.is_significant:
            return 'yes, beyond 95 %'
        return 'yes' if self.is_outside_spread else 'no'
