"""The tables of trained networks: labels, losses and evaluations on the validation images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .budget import PAPER_SIX
from .group import ON_VALIDATION, Group, Variant
from .networks import Networks
from .recipes import Recipes
from .seed_groups import BACKGROUNDS, CLASSIFIERS, SeedGroups
from .step import Step
from .training import Training
from .variants import (
    ALL_CONSTRAINED,
    ALL_PIXELS,
    CEILING,
    CEILING_CONSTRAINED,
    HYBRID,
    NLNL,
    PLAIN,
    PLAIN_LOSS,
    READINGS,
    SCORES,
    marked,
)

SCHEDULES = (Training(), Training(rate=3.0), Training(length=2.0))


class NetworkGroups:
    """Makes the tables of trained networks.

    Args:
        recipes (Recipes): Makes the steps.
        seeds (SeedGroups): Makes the labels.
    """

    def __init__(self, recipes: Recipes, seeds: SeedGroups) -> None:
        self.recipes, self.seeds = recipes, seeds
        self.networks = Networks(recipes, seeds)
        self.random_seeds = recipes.budget.random_seeds

    def groups(self) -> list[Group]:
        """All tables of trained networks."""
        return [
            self._training(),
            self._loss(),
            self._schedule(),
            self._baselines(),
            self._ideas(),
            self._second_round(),
            self._evaluation(),
            self._architecture(),
        ]

    def _variant(self, name: str, make: Callable[[int], Step], **evaluation: Any) -> Variant:
        steps = [self.recipes.test(make(seed), **evaluation) for seed in self.random_seeds]
        return Variant(name, steps)

    def _training(self) -> Group:
        variants = [
            self._variant(f'seed {name}', lambda seed, name=name: self.networks.single(seed, name))
            for name in self.recipes.budget.singles
        ]
        variants += [
            self._variant(PLAIN, self.networks.plain),
            self._variant(ALL_CONSTRAINED, self.networks.constrained),
            self._variant('clean only', self.networks.clean_only),
            *(
                self._variant(f'hybrid, t = {t}', lambda seed, t=t: self.networks.hybrid(seed, t))
                for t in (3, 4, 5, 6)
            ),
            self._variant(CEILING, self.networks.full),
            self._variant(CEILING_CONSTRAINED, self.networks.full_constrained),
        ]
        return Group(
            'training',
            'What a network is trained on',
            ON_VALIDATION,
            SCORES,
            variants,
            PLAIN,
            'Constraint: the positive term of hybrid learning in place of cross-entropy, on all '
            'pixels. Choosing the best single seed or threshold by this table is a choice on the '
            'validation images.',
        )

    def _loss(self) -> Group:
        variants = [self._variant(HYBRID, self.networks.hybrid)]
        variants += [
            self._variant(name, lambda seed, options=options: self.networks.hybrid(seed, **options))
            for name, options in READINGS.items()
        ]
        variants.append(self._variant(PLAIN, self.networks.plain))
        note = (
            'Each row differs from hybrid learning by default (positive: constraint; direct: low '
            'confidence; indirect: one draw) in what it names. A default taken from this table is '
            'chosen on the validation images.'
        )
        return Group('loss', 'Readings of the loss', ON_VALIDATION, SCORES, variants, HYBRID, note)

    def _schedule(self) -> Group:
        rows = {PLAIN: self.networks.plain, HYBRID: self.networks.hybrid}
        rows[CEILING] = self.networks.full
        variants = [
            self._variant(
                name + training.text,
                lambda seed, make=make, training=training: make(seed, training=training),
            )
            for name, make in rows.items()
            for training in SCHEDULES
        ]
        note = 'Is the order one of speed of learning? Each row with other schedules.'
        return Group(
            'schedule', 'Length and learning rate', ON_VALIDATION, SCORES, variants, PLAIN, note
        )

    def _baselines(self) -> Group:
        def on(annotations: dict, title: str, **loss: Any) -> Callable[[int], Step]:
            return self.networks.on(self.seeds.six, annotations, loss, title)

        kept = dict(noisy='keep')
        noisy_as_255 = dict(noisy='ignore', avg_non_ignore=False)
        named = {
            'NLNL': on(marked(6), 'NLNL', type='PNHybridLoss', **NLNL),
            'JNPL': on(marked(6), 'JNPL', type='PNHybridLoss', **NLNL, jnpl_weighting=True),
            'GCE': on(marked(6), 'GCE', type='SeedGeneralizedCrossEntropyLoss', q=0.7, **kept),
            'SCE': on(
                marked(6), 'SCE', type='SeedSymmetricCrossEntropyLoss', alpha=0.1, beta=1.0, **kept
            ),
            'URN': self.networks.weighted(self.seeds.six, 6),
            'noisy as 255': on(
                marked(6), 'noisy as 255', type='SeedCrossEntropyLoss', **noisy_as_255
            ),
        }
        variants = [
            self._variant(PLAIN, self.networks.plain),
            self._variant(HYBRID, self.networks.hybrid),
        ]
        variants += [self._variant(name, make) for name, make in named.items()]
        variants.append(self._variant(CEILING, self.networks.full))
        note = 'Losses of others on the same labels, with their usual parameters.'
        return Group(
            'baselines',
            'Other losses for noisy labels',
            ON_VALIDATION,
            SCORES,
            variants,
            PLAIN,
            note,
        )

    def _ideas(self) -> Group:
        hybrid = dict(type='PNHybridLoss')

        def classwise(seed: int) -> Step:
            return self.recipes.reweigh(self.seeds.six(seed), 0.5)

        variants = [
            self._variant(HYBRID, self.networks.hybrid),
            self._variant('weights by agreement', self.networks.weighted(self.seeds.six, 6)),
            self._variant(
                'class-wise thresholds',
                self.networks.on(classwise, marked(6), hybrid, 'class-wise thresholds'),
            ),
        ]
        sources = {BACKGROUNDS: self.seeds.several_backgrounds}
        if len(self.random_seeds) > 1:
            sources[CLASSIFIERS] = self.seeds.several_classifiers
        for name, labels in sources.items():
            variants += [
                self._variant(
                    f'{name}, plain', self.networks.on(labels, ALL_PIXELS, PLAIN_LOSS, name)
                ),
                self._variant(f'{name}, hybrid', self.networks.on(labels, marked(6), hybrid, name)),
                self._variant(f'{name}, weights', self.networks.weighted(labels, 6)),
            ]
        start = Training(from_classifier=not self.recipes.budget.from_classifier)
        rows = {HYBRID: self.networks.hybrid, PLAIN: self.networks.plain}
        rows[CEILING] = self.networks.full
        variants += [
            self._variant(
                name + start.text,
                lambda seed, make=make: make(seed, training=start),
            )
            for name, make in rows.items()
        ]
        variants.append(self._variant(PLAIN, self.networks.plain))
        note = (
            'Class-wise thresholds: for each class the highest number of votes that leaves at '
            'least half of its pixels clean; no true mask is needed. From the classifier: the '
            'backbone starts with the weights of the classifier, not with those of ImageNet.'
        )
        return Group(
            'ideas', 'Ways to a larger gain', ON_VALIDATION, SCORES, variants, HYBRID, note
        )

    def _second_round(self) -> Group:
        def masks(seed: int) -> Step:
            return self.recipes.masks(self.networks.hybrid(seed))

        def alone(seed: int) -> Step:
            return self.recipes.aggregate([(masks(seed), '')], title='masks of the first round')

        def seven(seed: int) -> Step:
            eight = self.seeds.eight(seed)
            sources = [(eight, name) for name in PAPER_SIX]
            return self.recipes.aggregate([*sources, (masks(seed), '')], title='six and masks')

        def second(
            name: str, labels: Callable[[int], Step], annotations: dict, loss: dict
        ) -> Variant:
            made = self.networks.on(labels, annotations, loss, f'second round, {name}')
            return self._variant(name, made)

        hybrid = dict(type='PNHybridLoss')
        variants = [
            self._variant(HYBRID, self.networks.hybrid),
            second('masks alone, plain', alone, ALL_PIXELS, PLAIN_LOSS),
            second('seven votes, plain', seven, ALL_PIXELS, PLAIN_LOSS),
            second('seven votes, hybrid, t = 7', seven, marked('unanimous'), hybrid),
            self._variant(CEILING, self.networks.full),
        ]
        note = (
            'Masks of the training images by the network of the first row, refined by the dense '
            'CRF, only with classes in the tags, by themselves or as a seventh seed.'
        )
        return Group(
            'second-round', 'A second round', ON_VALIDATION, SCORES, variants, HYBRID, note
        )

    def _evaluation(self) -> Group:
        ways = {
            '': {},
            ', TTA': dict(tta=True),
            ', CRF': dict(crf='deeplab'),
            ', TTA and CRF': dict(tta=True, crf='deeplab'),
        }
        rows = {
            PLAIN: self.networks.plain,
            HYBRID: self.networks.hybrid,
            CEILING: self.networks.full,
        }
        variants = [
            self._variant(name + way, make, **options)
            for name, make in rows.items()
            for way, options in ways.items()
        ]
        note = 'TTA: the scales of the config and their mirror images. CRF: the preset deeplab.'
        return Group('evaluation', 'Evaluation', ON_VALIDATION, SCORES, variants, HYBRID, note)

    def _architecture(self) -> Group:
        single = self.recipes.budget.singles[0]
        variants = [
            self._variant(
                f'seed {single}', lambda seed: self.networks.single(seed, single, second=True)
            ),
            self._variant(PLAIN, lambda seed: self.networks.plain(seed, second=True)),
            self._variant('clean only', lambda seed: self.networks.clean_only(seed, second=True)),
            self._variant(HYBRID, lambda seed: self.networks.hybrid(seed, second=True)),
            self._variant(CEILING, lambda seed: self.networks.full(seed, second=True)),
        ]
        note = f'Does the order hold? The network of configs/{self.recipes.budget.second}.'
        return Group(
            'architecture', 'A second architecture', ON_VALIDATION, SCORES, variants, PLAIN, note
        )
