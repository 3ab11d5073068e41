"""The tables of trained networks: labels, losses and evaluations on the validation images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .group import ON_VALIDATION, Group
from .idea_group import IdeaGroup
from .networks import Networks
from .recipes import Recipes
from .second_round import LONGER, SecondRound
from .seed_groups import CLASSIFIERS, SeedGroups
from .step import Step
from .training import Training
from .variants import (
    ALL_CONSTRAINED,
    ALL_PIXELS,
    CEILING,
    CEILING_CONSTRAINED,
    HYBRID,
    HYBRID_LOSS,
    NLNL,
    PLAIN,
    PLAIN_LOSS,
    READINGS,
    SCORES,
    marked,
)

MUCH_LONGER = Training(length=4.0)
SCHEDULES = (Training(), Training(rate=3.0), LONGER, MUCH_LONGER)
# Readings of the loss that are also trained longer.
LONGER_READINGS = (
    'positive: ce+constraint',
    'positive: constraint, temperature 0.1',
    'positive: constraint, temperature 0.3',
    'noisy pixels positive x 0.5 as well',
)


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
            IdeaGroup(self.recipes, self.seeds, self.networks).group(),
            *SecondRound(self.recipes, self.seeds, self.networks).groups(),
            self._evaluation(),
            self._architecture(),
        ]

    def _training(self) -> Group:
        variants = [
            self.networks.tested(
                f'seed {name}', lambda seed, name=name: self.networks.single(seed, name)
            )
            for name in self.recipes.budget.singles
        ]
        variants += [
            self.networks.tested(PLAIN, self.networks.plain),
            self.networks.tested(ALL_CONSTRAINED, self.networks.constrained),
            self.networks.tested('clean only', self.networks.clean_only),
            *(
                self.networks.tested(
                    f'hybrid, t = {t}', lambda seed, t=t: self.networks.hybrid(seed, t)
                )
                for t in (3, 4, 5, 6)
            ),
            self.networks.tested(CEILING, self.networks.full),
            self.networks.tested(CEILING_CONSTRAINED, self.networks.full_constrained),
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
        variants = [self.networks.tested(HYBRID, self.networks.hybrid)]
        variants += [
            self.networks.tested(
                name, lambda seed, options=options: self.networks.hybrid(seed, **options)
            )
            for name, options in READINGS.items()
        ]
        variants.append(self.networks.tested(PLAIN, self.networks.plain))
        note = (
            'Each row differs from hybrid learning by default (positive: constraint; direct: low '
            'confidence; indirect: one draw) in what it names. A default taken from this table is '
            'chosen on the validation images.'
        )
        return Group('loss', 'Readings of the loss', ON_VALIDATION, SCORES, variants, HYBRID, note)

    def _schedule(self) -> Group:
        variants = self.networks.trained(list(self.networks.main), SCHEDULES)
        variants += [
            self.networks.tested(
                f'seed {name}{training.text}',
                partial(self.networks.single, name=name, training=training),
            )
            for name in self.recipes.budget.singles
            for training in (LONGER, MUCH_LONGER)
        ]
        variants += [
            self.networks.tested(
                f'{HYBRID}, {name}{LONGER.text}',
                partial(self.networks.hybrid, training=LONGER, **READINGS[name]),
            )
            for name in LONGER_READINGS
        ]
        if len(self.random_seeds) > 1:
            for name, annotations, loss in (
                (f'{CLASSIFIERS}, plain', ALL_PIXELS, PLAIN_LOSS),
                (f'{CLASSIFIERS}, {HYBRID}', marked(6), HYBRID_LOSS),
            ):
                labels = self.seeds.several_classifiers
                made = self.networks.on(labels, annotations, loss, name, LONGER)
                variants.append(self.networks.tested(name + LONGER.text, made))
        note = (
            'Is the order one of speed of learning? Each row with other schedules. Several '
            'classifiers: those of all random seeds vote in turn.'
        )
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
            self.networks.tested(PLAIN, self.networks.plain),
            self.networks.tested(HYBRID, self.networks.hybrid),
        ]
        variants += [self.networks.tested(name, make) for name, make in named.items()]
        variants.append(self.networks.tested(CEILING, self.networks.full))
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

    def _evaluation(self) -> Group:
        ways = {
            '': {},
            ', TTA': dict(tta=True),
            ', CRF': dict(crf='deeplab'),
            ', TTA and CRF': dict(tta=True, crf='deeplab'),
        }
        variants = [
            self.networks.tested(
                name + LONGER.text + way, partial(make, training=LONGER), **options
            )
            for name, make in self.networks.main.items()
            for way, options in ways.items()
        ]
        note = 'TTA: the scales of the config and their mirror images. CRF: the preset deeplab.'
        return Group(
            'evaluation',
            'Evaluation',
            ON_VALIDATION,
            SCORES,
            variants,
            HYBRID + LONGER.text,
            note,
        )

    def _architecture(self) -> Group:
        single = self.recipes.budget.singles[0]
        variants = [
            self.networks.tested(
                f'seed {single}', lambda seed: self.networks.single(seed, single, second=True)
            ),
            self.networks.tested(PLAIN, lambda seed: self.networks.plain(seed, second=True)),
            self.networks.tested(
                'clean only', lambda seed: self.networks.clean_only(seed, second=True)
            ),
            self.networks.tested(HYBRID, lambda seed: self.networks.hybrid(seed, second=True)),
            self.networks.tested(CEILING, lambda seed: self.networks.full(seed, second=True)),
        ]
        variants += [
            self.networks.tested(name + LONGER.text, partial(make, second=True, training=LONGER))
            for name, make in self.networks.main.items()
        ]
        note = f'Does the order hold? The network of configs/{self.recipes.budget.second}.'
        return Group(
            'architecture', 'A second architecture', ON_VALIDATION, SCORES, variants, PLAIN, note
        )
