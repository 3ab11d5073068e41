"""What makes one seed different from another: dropout probability and image scale."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seed:
    """One seed: activation maps at one dropout probability and one image scale.

    Args:
        dropout (float): Dropout probability p, 0 <= p < 1, at most two decimals.
        scale (float): Factor on the image's scale set, above 0, at most two decimals.

    Raises:
        ValueError: If a value is out of range or has more than two decimals (two seeds would
            share one name and one folder).

    >>> Seed(0.05, 1.2).name
    '0.05-1.20'
    """

    dropout: float
    scale: float

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f'seed: dropout={self.dropout}, expected 0 <= dropout < 1')
        if not 0 < self.scale < float('inf'):
            raise ValueError(f'seed: scale={self.scale}, expected a finite scale above 0')
        for field in ('dropout', 'scale'):
            value = getattr(self, field)
            if abs(round(value, 2) - value) > 1e-9:
                raise ValueError(f'seed: {field}={value}, expected at most two decimals')

    @property
    def name(self) -> str:
        """Name of the seed and of its folder, ``<dropout>-<scale>`` with two decimals each."""
        return f'{self.dropout:.2f}-{self.scale:.2f}'

    def as_dict(self) -> dict:
        """Give ``name``, ``dropout`` and ``scale``, as the manifest lists a seed."""
        return dict(name=self.name, dropout=self.dropout, scale=self.scale)


# The paper's eight candidates and the six of them that it keeps.
CANDIDATE_SEEDS = tuple(
    Seed(dropout, scale) for dropout in (0.05, 0.10, 0.20, 0.30) for scale in (1.0, 1.2)
)
PAPER_SEEDS = (
    Seed(0.05, 1.0),
    Seed(0.05, 1.2),
    Seed(0.10, 1.0),
    Seed(0.10, 1.2),
    Seed(0.20, 1.0),
    Seed(0.30, 1.2),
)
