"""The table of ways to a larger gain: other labels, other starts."""

from __future__ import annotations

from .group import ON_VALIDATION, Group
from .networks import Networks
from .recipes import Recipes
from .seed_groups import BACKGROUNDS, CLASSIFIERS, SeedGroups
from .step import Step
from .training import Training
from .variants import (
    ALL_PIXELS,
    CEILING,
    CONSTRAINT_LOSS,
    HALF_POSITIVE,
    HYBRID,
    HYBRID_LOSS,
    PLAIN,
    PLAIN_LOSS,
    SCORES,
    marked,
)


class IdeaGroup:
    """Makes the table of ideas.

    Args:
        recipes (Recipes): Makes the steps.
        seeds (SeedGroups): Makes the labels.
        networks (Networks): Makes the networks.
    """

    def __init__(self, recipes: Recipes, seeds: SeedGroups, networks: Networks) -> None:
        self.recipes, self.seeds, self.networks = recipes, seeds, networks

    def group(self) -> Group:
        """The table."""

        def classwise(seed: int) -> Step:
            return self.recipes.reweigh(self.seeds.six(seed), 0.5)

        variants = [
            self.networks.tested(HYBRID, self.networks.hybrid),
            self.networks.tested('weights by agreement', self.networks.weighted(self.seeds.six, 6)),
            self.networks.tested(
                'class-wise thresholds',
                self.networks.on(classwise, marked(6), HYBRID_LOSS, 'class-wise thresholds'),
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
                        self.networks.on(labels, marked(t), HYBRID_LOSS, name),
                    )
                    for t in (4, 5, 6)
                ),
                self.networks.tested(
                    f'{name}, hybrid, noisy pixels positive x 0.5 as well',
                    self.networks.on(labels, marked(6), HALF_POSITIVE, name),
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
