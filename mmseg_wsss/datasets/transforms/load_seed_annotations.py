"""Loading of seeds as training labels, with clean and noisy pixels told apart."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio

from ...registry import TRANSFORMS
from ...seeds import (
    IGNORE_INDEX,
    encode_losing_votes,
    encode_seed_disagreement,
    encode_seed_label,
    noisy_mask,
)
from ...store import decode_mask, unpack_losing_votes

UNANIMOUS = 'unanimous'
# Codes with four labels have 48 bits, with five 56: more than a float64 holds exactly.
LOADED_LOSING_VOTES = 4


@TRANSFORMS.register_module()
class LoadSeedAnnotations(BaseTransform):
    """Load a seed mask and mark its noisy pixels, in a label map any mmseg transform can handle.

    The label map holds ``encode_seed_label`` codes: clean pixels are plain labels, noisy ones
    carry the flag above the label, 255 is ignored. ``PNHybridLoss`` decodes them. With
    ``agreement_threshold=None`` nothing is noisy and the map is plain uint8, for any loss of mmseg.

    With ``losing_votes`` the codes also carry the other labels that seeds voted for
    (:func:`~mmseg_wsss.seeds.encode_losing_votes`). The map is float64 then, the one dtype that
    can hold them and that OpenCV resizes, rotates and pads; ``PackSegInputs`` makes it int64, as
    any map, and every code is exact. What a transform pads carries none.

    Required keys: ``seg_map_path``, ``num_classes`` and, with a threshold, ``agreement_path`` and
    ``num_seeds``, with losing votes ``losing_votes_path`` (all of a
    :class:`~mmseg_wsss.datasets.SeedDataset`), ``img`` to check the size.

    Added keys: ``gt_seg_map``, uint16 (H, W), uint8 without a threshold, float64 with losing votes;
    ``seg_fields``.

    Args:
        agreement_threshold (int | str | None): A pixel is clean if at least this many seeds voted
            for its label, noisy otherwise (the paper's t; 6 of 6 was best). ``'unanimous'`` stands
            for the number of seeds, None for no distinction.
        noisy (str): ``'keep'`` marks the noisy pixels; ``'ignore'`` makes them 255, so that a
            plain loss trains on clean pixels alone. ``'disagreement'`` marks them with the number
            of seeds that did not vote for the label (``encode_seed_disagreement`` codes), for
            losses that weight pixels by it; there is no threshold then, it stays ``'unanimous'``.
        losing_votes (bool): Whether the codes carry the labels that lost the vote, for losses that
            read them; at most four a pixel, those with most votes. A fifth takes six seeds with six
            different labels. The seed root must have them, see the guide on seeds.
        backend_args (dict, optional): Of mmengine's fileio.

    Raises:
        ValueError: If the threshold is not 1 to the number of seeds or does not go with ``noisy``,
            the data set gives no agreement or no losing votes, ``noisy`` leaves no pixel that has
            any, a mask is unreadable, or its size is not the image's.
    """

    def __init__(
        self,
        agreement_threshold: int | str | None = UNANIMOUS,
        noisy: str = 'keep',
        losing_votes: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        if isinstance(agreement_threshold, str) and agreement_threshold != UNANIMOUS:
            raise ValueError(
                f'LoadSeedAnnotations: agreement_threshold={agreement_threshold!r}, expected an '
                f'int, {UNANIMOUS!r} or None.'
            )
        if isinstance(agreement_threshold, int) and agreement_threshold < 1:
            raise ValueError(
                f'LoadSeedAnnotations: agreement_threshold={agreement_threshold}, expected at '
                'least 1 (or None for no distinction of clean and noisy).'
            )
        if noisy not in ('keep', 'ignore', 'disagreement'):
            raise ValueError(
                f"LoadSeedAnnotations: noisy={noisy!r}, expected 'keep', 'ignore' or "
                "'disagreement'."
            )
        if noisy == 'disagreement' and agreement_threshold != UNANIMOUS:
            raise ValueError(
                f'LoadSeedAnnotations: agreement_threshold={agreement_threshold!r}, but '
                f"noisy='disagreement' grades pixels without a threshold; expected {UNANIMOUS!r}."
            )
        if losing_votes and noisy == 'ignore' and agreement_threshold == UNANIMOUS:
            raise ValueError(
                "LoadSeedAnnotations: losing_votes=True, but noisy='ignore' drops every pixel on "
                'which not all seeds agree, and with it all losing votes; expected another noisy '
                'or a lower agreement_threshold.'
            )
        self.agreement_threshold = agreement_threshold
        self.noisy = noisy
        self.losing_votes = losing_votes
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Load the mask of one image.

        Args:
            results (dict): Of the data set, with the image loaded.

        Returns:
            dict: ``results`` with ``gt_seg_map`` added.
        """
        path = results['seg_map_path']
        shape = results['img'].shape[:2] if 'img' in results else None
        label = decode_mask(
            fileio.get(path, self.backend_args),
            name=path,
            shape=shape,
            num_classes=results['num_classes'],
        )
        if self.agreement_threshold is not None:
            label = self._mark_noisy(label, results)
        if self.losing_votes:
            label = self._add_losing_votes(label, results)
        results['gt_seg_map'] = label
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results

    def _mark_noisy(self, label: np.ndarray, results: dict) -> np.ndarray:
        path = results.get('agreement_path')
        if path is None:
            raise ValueError(
                f'{results["seg_map_path"]}: a single seed has no agreement; set '
                'agreement_threshold=None in LoadSeedAnnotations or train on the aggregate.'
            )
        num_seeds = results['num_seeds']
        threshold = self.agreement_threshold
        if threshold == UNANIMOUS:
            threshold = num_seeds
        if threshold > num_seeds:
            raise ValueError(
                f'LoadSeedAnnotations: agreement_threshold={threshold}, but {path} is the '
                f'agreement of {num_seeds} seeds; expected 1 to {num_seeds}.'
            )
        agreement = decode_mask(
            fileio.get(path, self.backend_args),
            name=path,
            shape=label.shape,
            num_classes=num_seeds + 1,
            ignore_index=None,
        )
        if self.noisy == 'disagreement':
            if np.any((agreement == 0) & (label != IGNORE_INDEX)):
                raise ValueError(f'{path}: no vote where the aggregate has a label, expected 1.')
            return encode_seed_disagreement(label, np.uint8(num_seeds) - agreement)
        noisy = noisy_mask(label, agreement, threshold)
        if self.noisy == 'ignore':
            return np.where(noisy, np.uint8(IGNORE_INDEX), label)
        return encode_seed_label(label, noisy)

    def _add_losing_votes(self, code: np.ndarray, results: dict) -> np.ndarray:
        path = results.get('losing_votes_path')
        if path is None:
            raise ValueError(
                f'{results["seg_map_path"]}: the data set gives no losing votes. Only the '
                'aggregate has them, and the data set looks for them where LoadSeedAnnotations('
                'losing_votes=True) is in its own pipeline, not in that of a wrapper around it.'
            )
        losers = unpack_losing_votes(
            fileio.get(path, self.backend_args), path, code.shape, results['num_classes']
        )[:LOADED_LOSING_VOTES]
        joined = code.astype(np.float64)
        where = np.flatnonzero(losers[0] != IGNORE_INDEX)
        lost = losers.reshape(len(losers), -1).take(where, axis=1)
        joined.reshape(-1)[where] = encode_losing_votes(code.reshape(-1).take(where), lost)
        return joined

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(agreement_threshold={self.agreement_threshold!r}, '
            f'noisy={self.noisy!r}, losing_votes={self.losing_votes}, '
            f'backend_args={self.backend_args})'
        )
