"""What a run from photographs and tags is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..converters.recipes import check_rounds


@dataclass(frozen=True)
class RunOptions:
    """What ``tools/run.py`` is asked for.

    Attributes:
        photos (str): Folder of photographs.
        tags (Sequence[str]): Files or a folder that have the tags, see ``folder.py prepare``.
        out (str): Folder of all results.
        tools (Path): Folder of the commands.
        tags_from (str): What ``tags`` is, see
            :data:`~mmseg_wsss.converters.tag_sources.SOURCES`.
        masks (str, optional): Folder of ground truth: these photographs judge and do not train.
        val_list (str, optional): Ids of the photographs that judge, instead of those with a mask.
        new (str, optional): Folder of photographs to segment in the end.
        classes (Sequence[str], optional): Foreground classes in order.
        weights (str, optional): File of initial weights.
        cls_base (str, optional): Config of the classifier, instead of a recipe.
        pnl_base (str, optional): Config of the network, instead of a recipe.
        affinity (str, optional): Spread the seeds by learned affinity: config of its network to
            start from, or ``''`` for the recipe's.
        affinity_rounds (int): 1, or 2: a second network learns what is sure of the maps that the
            first has spread.
        threshold_from_masks (bool): Choose the background threshold on the masks.
        plan_only (bool): Stop before the first training.
        again (bool): Make results of changed inputs anew.
        force (bool): Go on although the tags look like chance.

    Raises:
        ValueError: If options contradict each other.
    """

    photos: str
    tags: Sequence[str]
    out: str
    tools: Path
    tags_from: str = 'auto'
    masks: str | None = None
    val_list: str | None = None
    new: str | None = None
    classes: Sequence[str] | None = None
    weights: str | None = None
    cls_base: str | None = None
    pnl_base: str | None = None
    affinity: str | None = None
    affinity_rounds: int = 1
    threshold_from_masks: bool = False
    plan_only: bool = False
    again: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        if self.threshold_from_masks and self.masks is None:
            raise ValueError('--threshold-from-masks needs the masks, --masks.')
        check_rounds(self.affinity, self.affinity_rounds)
        if self.threshold_from_masks and self.affinity is not None:
            raise ValueError(
                '--affinity finds its threshold from labels of its own, give either it or '
                '--threshold-from-masks.'
            )
