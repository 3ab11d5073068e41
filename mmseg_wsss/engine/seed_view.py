"""Which image scales the seeds need, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmseg_wsss.seeds import Seed


@dataclass(frozen=True)
class SeedView:
    """One scale of the image and the seeds that use it.

    Attributes:
        scale (float): Scale of the image, a seed's own times one of the multi-scale set.
        seeds (tuple[int, ...]): Indices of the seeds.
    """

    scale: float
    seeds: tuple[int, ...]

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(h, w) of an image of ``height`` x ``width`` at this scale, at least 1 x 1."""
        return max(1, round(height * self.scale)), max(1, round(width * self.scale))


def plan_views(seeds: Sequence[Seed], scales: Sequence[float]) -> list[SeedView]:
    """The scales needed for all seeds, ascending, shared between seeds where they coincide.

    Args:
        seeds (Sequence[Seed]): The seeds.
        scales (Sequence[float]): The multi-scale set; a single 1.0 gives single-scale maps.

    Returns:
        list[SeedView]: One per different product of a seed's scale and a scale of the set.

    Raises:
        ValueError: If there is no seed or no scale, a scale is not positive or given twice.
    """
    if not seeds or not scales:
        raise ValueError('At least one seed and one scale are needed.')
    if min(scales) <= 0 or len(set(scales)) != len(scales):
        raise ValueError(f'scales must be positive and differ, got {tuple(scales)}.')
    users: dict[float, list[int]] = {}
    for index, seed in enumerate(seeds):
        for scale in scales:
            users.setdefault(round(seed.scale * scale, 6), []).append(index)
    return [SeedView(scale, tuple(users[scale])) for scale in sorted(users)]
