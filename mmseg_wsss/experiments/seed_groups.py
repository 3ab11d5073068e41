"""The tables of seed quality: seeds and their vote against the true masks of training images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmseg_wsss.seeds import AGGREGATED_FOLDER
from mmseg_wsss.seeds.aggregate import TIES
from mmseg_wsss.seeds.background import Background

from .budget import PAPER_SIX
from .group import ON_TRAINING, Group, Variant
from .recipes import Recipes
from .step import Step

ALL_EIGHT = tuple(f'{p:.2f}-{s:.2f}' for p in (0.05, 0.10, 0.20, 0.30) for s in (1.0, 1.2))
QUALITY = {'mIoU': 'miou', 'pixels right': 'accuracy'}
VARIED = {
    'mIoU of the aggregate': f'{AGGREGATED_FOLDER}/miou',
    'pixels right': f'{AGGREGATED_FOLDER}/accuracy',
    'mIoU, mean of the seeds': 'singles/miou',
    'noisy pixels at t = 6': 'threshold/6/noisy',
    'right among the clean': 'threshold/6/clean that are right',
}
# Of votes whose voters are not in the same root.
VOTED = {title: metric for title, metric in VARIED.items() if 'singles' not in metric}
THRESHOLDS = (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
MIXED = (0.25, 0.55)
BACKGROUNDS, CLASSIFIERS = 'several backgrounds', 'several classifiers'


class SeedGroups:
    """Makes the tables of seed quality.

    Args:
        recipes (Recipes): Makes the steps.
    """

    def __init__(self, recipes: Recipes) -> None:
        self.recipes = recipes
        self.random_seeds = recipes.budget.random_seeds
        self._eight = {seed: recipes.seeds(seed, ALL_EIGHT) for seed in self.random_seeds}

    def eight(self, random_seed: int) -> Step:
        """The root of all eight candidates, from which six and every subset are taken."""
        return self._eight[random_seed]

    def six(self, random_seed: int, tie: str = 'lowest') -> Step:
        """The aggregate of the paper's six, what networks are trained on."""
        root = self.eight(random_seed)
        sources = [(root, name) for name in PAPER_SIX]
        return self.recipes.aggregate(
            sources, tie=tie, title=f'six seeds, random seed {random_seed}'
        )

    def several_classifiers(self, random_seed: int) -> Step:
        """Six seeds of different classifiers: each rate and scale once, classifiers in turn."""
        number = len(self.random_seeds)
        first = self.random_seeds.index(random_seed)
        sources = [
            (self.eight(self.random_seeds[(first + place) % number]), name)
            for place, name in enumerate(PAPER_SIX)
        ]
        title = f'six seeds of {number} classifiers, from random seed {random_seed} on'
        return self.recipes.aggregate(sources, title=title)

    def several_backgrounds(self, random_seed: int) -> Step:
        """Six seeds with different scores of the background: each rate and scale once, the config's
        score and the thresholds of ``MIXED`` in turn."""
        number = len(MIXED) + 1
        roots = {0: self.eight(random_seed)}
        for place, threshold in enumerate(MIXED, start=1):
            names = PAPER_SIX[place::number]
            background = dict(kind='constant', threshold=threshold)
            roots[place] = self.recipes.seeds(random_seed, names, background=background)
        sources = [(roots[place % number], name) for place, name in enumerate(PAPER_SIX)]
        title = f'six seeds of {number} backgrounds, random seed {random_seed}'
        return self.recipes.aggregate(sources, title=title)

    def groups(self) -> list[Group]:
        """All tables of seed quality."""
        return [
            self._seeds(),
            self._vote(),
            self._agreement(),
            self._crf(),
            self._dropout(),
            self._background(),
            self._draws(),
            self._scales(),
            self._diversity(),
        ]

    def _judged(self, make: Callable[[int], Step]) -> list[Step]:
        return [self.recipes.judge(make(random_seed)) for random_seed in self.random_seeds]

    def _seeds(self) -> Group:
        eight, six = self._judged(self.eight), self._judged(self.six)
        variants = [Variant(name, eight, f'{name}/') for name in ALL_EIGHT]
        variants += [
            Variant('mean of the eight', eight, 'singles/'),
            Variant('aggregate of six', six, f'{AGGREGATED_FOLDER}/'),
            Variant('aggregate of eight', eight, f'{AGGREGATED_FOLDER}/'),
            Variant('union of eight (oracle)', eight, 'union (oracle)/'),
        ]
        return Group(
            'seeds',
            'Seeds by dropout and scale, and their vote (Tables 4 and 9)',
            ON_TRAINING,
            QUALITY,
            variants,
            'aggregate of six',
            'All seeds come from one classifier per random seed, refined by the dense CRF. The '
            'oracle takes the true label wherever a seed has it.',
        )

    def _vote(self) -> Group:
        eight = self._judged(self.eight)
        six = f'{AGGREGATED_FOLDER}/'
        variants = [
            Variant(f'six, tie {tie}', self._judged(lambda seed, tie=tie: self.six(seed, tie)), six)
            for tie in TIES
        ]
        variants.append(Variant('eight', eight, six))
        variants += [
            Variant(f'best subset of {size}', eight, f'best/{size}/')
            for size in range(1, len(ALL_EIGHT) + 1)
        ]
        return Group(
            'vote',
            'Which seeds vote, and who wins a tie',
            ON_TRAINING,
            QUALITY,
            variants,
            'six, tie lowest',
            'The best subset of each size is chosen by the very masks it is scored on, for each '
            'random seed anew: an upper bound, not a rule.',
        )

    def _agreement(self) -> Group:
        six = self._judged(self.six)
        columns = {
            'right clean': 'right clean',
            'right noisy': 'right noisy',
            'wrong noisy': 'wrong noisy',
            'wrong clean': 'wrong clean',
            'noisy': 'noisy',
            'right among the clean': 'clean that are right',
        }
        variants = [Variant(f't = {t}', six, f'threshold/{t}/') for t in range(1, 7)]
        return Group(
            'agreement',
            'Right and wrong, clean and noisy pixels by threshold (Tables 10 and 11)',
            ON_TRAINING,
            columns,
            variants,
            None,
            'In percent of all pixels; the vote of the six seeds.',
        )

    def _varied(self, settings: Mapping[str, Any]) -> list[Step]:
        return [
            self.recipes.judge(self.recipes.seeds(seed, PAPER_SIX, 'judge', **settings), 'judge')
            for seed in self.random_seeds
        ]

    def _variation(
        self,
        name: str,
        title: str,
        settings: Mapping[str, Mapping[str, Any]],
        reference: str,
        note: str = '',
    ) -> Group:
        variants = [Variant(label, self._varied(one)) for label, one in settings.items()]
        number = self.recipes.numbers['judge']
        about = f'Six seeds each, on {number} training images spread over the list. {note}'
        return Group(name, title, ON_TRAINING, VARIED, variants, reference, about.strip())

    def _crf(self) -> Group:
        settings = {kind or 'none': dict(refine=kind) for kind in (None, 'irn', 'psa', 'deeplab')}
        reference = self.recipes.seed_defaults['refine'] or 'none'
        return self._variation('crf', 'Dense CRF of the seeds', settings, reference)

    def _dropout(self) -> Group:
        settings = {'at seed time': {}, 'in training only': dict(mode='training')}
        note = 'In training only: one classifier for each rate.'
        return self._variation('dropout', 'Where dropout acts', settings, 'at seed time', note)

    def _background(self) -> Group:
        default = self.recipes.seed_defaults['background']
        scores = [dict(kind='constant', threshold=share) for share in THRESHOLDS]
        scores += [dict(kind='power', alpha=alpha) for alpha in (2.0, 4.0, 8.0)]
        settings = {background_name(score): dict(background=score) for score in scores}
        # As the config writes it, since other words are other steps.
        settings[background_name(default)] = dict(background=default)
        note = 'A score taken from this table is chosen by true masks of training images.'
        title, reference = 'Score of the background', background_name(default)
        return self._variation('background', title, settings, reference, note)

    def _draws(self) -> Group:
        default = self.recipes.seed_defaults['num_draws']
        settings = {f'{number}': dict(num_draws=number) for number in sorted({1, 4, 16, default})}
        return self._variation('draws', 'Draws of dropout for a seed', settings, f'{default}')

    def _scales(self) -> Group:
        default = tuple(self.recipes.seed_defaults['scales'])
        names = {
            scales: ', '.join(map(str, scales))
            for scales in sorted({(1.0,), (0.5, 1.0), (0.5, 1.0, 1.5, 2.0), default})
        }
        settings = {name: dict(scales=scales) for scales, name in names.items()}
        return self._variation('scales', 'Image scales of the maps', settings, names[default])

    def _diversity(self) -> Group:
        variants = [Variant('six of one classifier', self._judged(self.six))]
        variants.append(Variant(BACKGROUNDS, self._judged(self.several_backgrounds)))
        if len(self.random_seeds) > 1:
            variants.append(Variant(CLASSIFIERS, self._judged(self.several_classifiers)))
        thresholds = ', '.join(map(str, MIXED))
        note = (
            'Six votes each. Several backgrounds: the score of the background as in the config and '
            f'thresholds of {thresholds} in turn. Several classifiers: those of all random seeds '
            'in turn.'
        )
        return Group(
            'diversity', 'Seeds that differ more', ON_TRAINING, VOTED, variants,
            'six of one classifier', note,
        )  # fmt: skip


def background_name(score: Background) -> str:
    """Name a score of the background, or several that seeds take in turn.

    >>> background_name(dict(threshold=0.3)), background_name(dict(kind='power', alpha=4.0))
    ('constant 0.30', '(1 - max)^4')
    >>> background_name([dict(threshold=0.25), dict(threshold=0.35)])
    'constant 0.25, constant 0.35'
    """
    if not isinstance(score, Mapping):
        return ', '.join(map(background_name, score))
    if score.get('kind', 'constant') == 'constant':
        return f'constant {score.get("threshold", 0.2):.2f}'
    return f'(1 - max)^{score.get("alpha", 4.0):g}'
