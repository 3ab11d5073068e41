"""What a run of the seed generation did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class SeedSummary:
    """Counts of a run, of one process or of all.

    Attributes:
        made (int): Images made in this run.
        skipped (int): Images found complete.
        empty (list[str]): Ids of images without any tag, all background.
        seconds (float): Wall time.
        labels (np.ndarray): (K,) int64, pixels of each aggregated label.
        agreement (np.ndarray): (S + 1,) int64, pixels by the number of agreeing seeds.
        num_bytes (int): Bytes written.
    """

    made: int = 0
    skipped: int = 0
    empty: list[str] = field(default_factory=list)
    seconds: float = 0.0
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    agreement: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    num_bytes: int = 0

    @classmethod
    def merge(cls, parts: Sequence[SeedSummary]) -> SeedSummary:
        """Sum of the processes' counts; the wall time is the longest."""
        return cls(
            made=sum(part.made for part in parts),
            skipped=sum(part.skipped for part in parts),
            empty=sorted(image_id for part in parts for image_id in part.empty),
            seconds=max(part.seconds for part in parts),
            labels=sum(part.labels for part in parts),
            agreement=sum(part.agreement for part in parts),
            num_bytes=sum(part.num_bytes for part in parts),
        )

    @property
    def noisy_share(self) -> float:
        """Share of the voted pixels on which not all seeds agree; 0 if nothing was made."""
        voted = self.agreement[1:].sum()
        return float(self.agreement[1:-1].sum() / voted) if voted else 0.0

    def report(self, classes: Sequence[str]) -> str:
        """The summary in words and figures, several lines."""
        rate = f'{self.seconds / self.made:.3f} s an image' if self.made else 'nothing to do'
        size = f', {self.num_bytes / self.made / 1e3:.1f} kB an image' if self.made else ''
        lines = [
            f'Seeds: {self.made} images made, {self.skipped} found complete, '
            f'{self.seconds:.1f} s ({rate}{size})'
        ]
        total = self.labels.sum()
        if total:
            lines.append(
                'Share of the aggregated pixels: '
                + ', '.join(
                    f'{name} {count / total:.2%}'
                    for name, count in zip(classes, self.labels, strict=True)
                    if count
                )
            )
            lines.append(f'Pixels on which not all seeds agree: {self.noisy_share:.2%}')
        if self.empty:
            shown = ', '.join(self.empty[:10]) + (', ...' if len(self.empty) > 10 else '')
            lines.append(f'Images without any tag, all background: {len(self.empty)} ({shown})')
        return '\n'.join(lines)
