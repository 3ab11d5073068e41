"""How a network's training differs from the budget's in length and learning rate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Factors of a training.

    Attributes:
        length (float): Of the number of iterations.
        rate (float): Of the learning rate.

    Examples:
        >>> Schedule(length=2.0).text, Schedule(rate=0.3).text, Schedule().text
        (', 2 x iterations', ', 0.3 x learning rate', '')
    """

    length: float = 1.0
    rate: float = 1.0

    @property
    def text(self) -> str:
        """What differs, for people; empty if nothing does."""
        parts = {'iterations': self.length, 'learning rate': self.rate}
        return ''.join(f', {factor:g} x {name}' for name, factor in parts.items() if factor != 1)


AS_IN_THE_BUDGET = Schedule()
