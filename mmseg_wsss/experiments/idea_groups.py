"""The tables of ways to a larger gain: other labels, other starts, a second round."""

from __future__ import annotations

from collections.abc import Callable

from .budget import PAPER_SIX
from .group import ON_VALIDATION, Group, Variant
from .networks import Networks
from .recipes import Recipes
from .seed_groups import BACKGROUNDS, CLASSIFIERS, SeedGroups
from .step import Step
from .training import Training
from .variants import (
    ALL_PIXELS,
    CEILING,
    CONSTRAINT_LOSS,
    HYBRID,
    PLAIN,
    PLAIN_LOSS,
    SCORES,
    marked,
)


class IdeaGroups:
    """Makes the tables of ideas.

    Args:
        recipes (Recipes): Makes the steps.
        seeds (SeedGroups): Makes the labels.
        networks (Networks): Makes the networks.
    """

    def __init__(self, recipes: Recipes, seeds: SeedGroups, networks: Networks) -> None:
        self.recipes, self.seeds, self.networks = recipes, seeds, networks

    def groups(self) -> list[Group]:
        """The tables."""
        return [self._ideas(), self._second_round()]

    def _ideas(self) -> Group:
        hybrid = dict(type='PNHybridLoss')
        half_positive = dict(type='PNHybridLoss', noisy_positive_weight=0.5)

        def classwise(seed: int) -> Step:
            return self.recipes.reweigh(self.seeds.six(seed), 0.5)

        variants = [
            self.networks.tested(HYBRID, self.networks.hybrid),
            self.networks.tested('weights by agreement', self.networks.weighted(self.seeds.six, 6)),
            self.networks.tested(
                'class-wise thresholds',
                self.networks.on(classwise, marked(6), hybrid, 'class-wise thresholds'),
            ),
        ]
        sources = {BACKGROUNDS: self.seeds.several_backgrounds}
        if len(self.recipes.budget.random_seeds) > 1:
            sources[CLASSIFIERS] = self.seeds.several_classifiers
        for name, labels in sources.items():
            variants += [
                self.networks.tested(
                    f'{name}, plain', self.networks.on(labels, ALL_PIXELS, PLAIN_LOSS, name)
                ),
                self.networks.tested(
                    f'{name}, constraint',
                    self.networks.on(labels, ALL_PIXELS, CONSTRAINT_LOSS, name),
                ),
                *(
                    self.networks.tested(
                        f'{name}, hybrid, t = {t}',
                        self.networks.on(labels, marked(t), hybrid, name),
                    )
                    for t in (4, 5, 6)
                ),
                self.networks.tested(
                    f'{name}, hybrid, noisy pixels positive x 0.5 as well',
                    self.networks.on(labels, marked(6), half_positive, name),
                ),
                self.networks.tested(f'{name}, weights', self.networks.weighted(labels, 6)),
            ]
        start = Training(from_classifier=not self.recipes.budget.from_classifier)
        variants += self.networks.trained((HYBRID, PLAIN, CEILING), [start])
        variants.append(self.networks.tested(PLAIN, self.networks.plain))
        note = (
            'Class-wise thresholds: for each class the highest number of votes that leaves at '
            'least half of its pixels clean; no true mask is needed. From the classifier, from '
            'ImageNet: whose weights the backbone starts with, where the budget has the other.'
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
            return self.networks.tested(name, made)

        hybrid = dict(type='PNHybridLoss')
        variants = [
            self.networks.tested(HYBRID, self.networks.hybrid),
            second('masks alone, plain', alone, ALL_PIXELS, PLAIN_LOSS),
            second('seven votes, plain', seven, ALL_PIXELS, PLAIN_LOSS),
            second('seven votes, hybrid, t = 7', seven, marked('unanimous'), hybrid),
            self.networks.tested(CEILING, self.networks.full),
        ]
        note = (
            'Masks of the training images by the network of the first row, refined by the dense '
            'CRF, only with classes in the tags, by themselves or as a seventh seed.'
        )
        return Group(
            'second-round', 'A second round', ON_VALIDATION, SCORES, variants, HYBRID, note
        )
