"""Whether a classifier can tell tags from photographs, before and after its training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch import nn

from ..datasets.tags_dataset import whole_image_steps, without_saliency
from ..evaluation.tag_ranking import CHANCE, TagRanking, cross_validated_scores, rank_by_tags
from ..generation.classifiers import load_classifier
from ..registry import DATASETS, MODELS
from ..utils.initial_weights import find_initial_weights
from ..utils.progress import Progress
from ..utils.quiet import errors_alone

# Beyond so many images of a set a sample is looked at.
MAX_IMAGES = 1000
# With fewer validation images even a good classifier may look like chance.
ENOUGH_TO_JUDGE = 30
# How a verdict begins.
VERDICTS = ('Better than chance', 'No better than chance', 'Nothing to say yet', 'Learnt')


@dataclass(frozen=True)
class TagCheck:
    """What was found.

    Attributes:
        rankings (dict[str, TagRanking]): By what was ranked.
        classes (list[str]): Names of the K foreground classes.
        verdict (str): One sentence.
        passed (bool): Whether nothing speaks against going on; False for tags that cannot be told
            from the photographs better than by chance, and where no class is in some photographs
            and not in others.
    """

    rankings: dict[str, TagRanking]
    classes: list[str]
    verdict: str
    passed: bool

    def lines(self) -> list[str]:
        """Give a table and the verdict."""
        lines = []
        for name, ranking in self.rankings.items():
            lines.append(f'{name}: {ranking.images} photographs, {_ranking_text(ranking)}')
            worst = sorted(
                (value, one) for value, one in zip(ranking.auc, self.classes, strict=True)
                if value == value
            )  # fmt: skip
            if worst:
                shown = ', '.join(f'{one} {value:.2f}' for value, one in worst[:5])
                lines.append(f'  lowest: {shown}')
        return [*lines, self.verdict]


def check_tags(
    config: Config,
    checkpoint: str | os.PathLike | None = None,
    trust: bool = False,
    device: str | torch.device = 'cpu',
) -> TagCheck:
    """Rank photographs by the scores of their tags.

    Without a checkpoint the features of the initial weights predict the tags of photographs that
    were left out of a regression: what fails here are tags of other photographs, such as a table
    that slipped by a row. With one, the trained classifier ranks the training photographs, and
    those of validation, which it has not seen.

    Args:
        config (Config): The classifier's config.
        checkpoint (str | os.PathLike, optional): Of the trained classifier.
        trust (bool): Whether the file may run code of its own.
        device (str | torch.device): Where the network runs.

    Returns:
        TagCheck: With a verdict.

    Raises:
        FileNotFoundError, ValueError: As the data sets, or :func:`load_classifier`.
    """
    init_default_scope(config.get('default_scope', 'mmseg'))
    datasets = {'training': config.train_dataloader.dataset}
    validation = (config.get('val_dataloader') or {}).get('dataset')
    if validation is not None:
        datasets['validation'] = validation
    built = {name: _build(one) for name, one in datasets.items()}
    classes = list(built['training'].metainfo['classes'])
    if checkpoint is None:
        if not any(find_initial_weights(config.model)):
            verdict = 'Nothing to say yet: the backbone starts from random weights.'
            return TagCheck({}, classes, verdict, True)
        model = MODELS.build(config.model)
        with errors_alone():  # a line for each parameter
            model.init_weights()
        data = [_run(model, one, device, features=True) for one in built.values()]
        features, tagged = (np.concatenate(parts) for parts in zip(*data, strict=True))
        ranking = rank_by_tags(cross_validated_scores(features, tagged), tagged)
        verdict = _verdict(ranking, 'the initial features')
        return TagCheck({'initial features': ranking}, classes, verdict, ranking.is_evidence)
    model = load_classifier(config, checkpoint, trust)
    rankings = {
        f'{name} photographs': rank_by_tags(*_run(model, one, device, features=False))
        for name, one in built.items()
    }
    judged = rankings['training photographs']
    unseen = rankings.get('validation photographs')
    if unseen is not None and judged.is_evidence and unseen.p_value > CHANCE:
        if unseen.images >= ENOUGH_TO_JUDGE:
            judged = unseen
        else:
            verdict = (
                f'Learnt are the training photographs; on {unseen.images} others the classifier '
                f'cannot be told from chance ({_ranking_text(unseen)}), which are too few to judge.'
            )
            return TagCheck(rankings, classes, verdict, True)
    return TagCheck(rankings, classes, _verdict(judged, 'the classifier'), judged.is_evidence)


def _verdict(ranking: TagRanking, what: str) -> str:
    if ranking.mean != ranking.mean:
        return (
            'No better than chance: no class is in some photographs and not in others, so that a '
            'classifier learns nothing from the tags. Add photographs without it.'
        )
    if not ranking.is_evidence:
        return (
            f'No better than chance: {what} cannot tell the tags from the photographs '
            f'({_ranking_text(ranking)}). Are they the tags of these photographs? A table that '
            'slipped by a row looks like this, and so do classes that differ in nothing visible, '
            'or too few photographs.'
        )
    return f'Better than chance: {what} can tell the tags from the photographs.'


def _ranking_text(ranking: TagRanking) -> str:
    if ranking.mean != ranking.mean:
        return 'no class to rank'
    text = f'mean area under the ROC curve {ranking.mean:.2f}'
    return f'{text} (chance 0.50, p = {ranking.p_value:.3f})'


def _build(dataset: Mapping[str, Any]) -> Any:
    """Build a data set of tags that reads its images as a square, whole."""
    pipeline = [
        dict(type='mmpretrain.LoadImageFromFile'),
        *whole_image_steps(dataset['pipeline']),
    ]
    return DATASETS.build({**without_saliency(dataset), 'pipeline': pipeline})


@torch.no_grad()
def _run(
    model: nn.Module, dataset: Any, device: str | torch.device, features: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Give (N, D) features or (N, K) scores, and bool (N, K) tags."""
    model.to(device).eval()
    indices = np.arange(len(dataset))
    if len(indices) > MAX_IMAGES:
        indices = np.sort(np.random.default_rng(0).choice(indices, MAX_IMAGES, replace=False))
    tagged = np.zeros((len(indices), len(dataset.metainfo['classes'])), bool)
    rows = []
    progress = Progress(len(indices), 'photographs to look at')
    for row, index in enumerate(indices.tolist()):
        tagged[row, list(dataset.get_cat_ids(index))] = True
        data = model.data_preprocessor(pseudo_collate([dataset[index]]), False)
        if features:
            outputs = model.extract_feat(data['inputs'], stage='backbone')
            last = outputs[-1] if isinstance(outputs, (tuple, list)) else outputs
            rows.append(last.flatten(2).mean(2) if last.ndim == 4 else last)
        else:
            samples = model.predict(data['inputs'], data['data_samples'])
            rows.append(torch.stack([sample.pred_score for sample in samples]))
        progress.step()
    return torch.cat(rows).float().cpu().numpy(), tagged
