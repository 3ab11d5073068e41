"""The networks of a study: which labels, which loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mmseg_wsss.seeds import AGGREGATED_FOLDER

from .group import Variant
from .recipes import Recipes
from .seed_groups import SeedGroups
from .step import Step
from .training import AS_IN_THE_BUDGET, Training
from .variants import (
    ALL_CONSTRAINED,
    ALL_PIXELS,
    CEILING,
    CEILING_CONSTRAINED,
    CLEAN_LOSS,
    CONSTRAINT_LOSS,
    DISSENT,
    HYBRID,
    PLAIN,
    PLAIN_LOSS,
    TRUE_MASKS,
    marked,
)


class Networks:
    """Makes the steps of trained networks.

    Args:
        recipes (Recipes): Makes steps.
        seeds (SeedGroups): Makes the labels.
    """

    def __init__(self, recipes: Recipes, seeds: SeedGroups) -> None:
        self.recipes, self.seeds = recipes, seeds

    def tested(self, name: str, make: Callable[[int], Step], **evaluation: Any) -> Variant:
        """A row: a network of each random seed, tested; keywords as of :meth:`Recipes.test`."""
        random_seeds = self.recipes.budget.random_seeds
        return Variant(name, [self.recipes.test(make(seed), **evaluation) for seed in random_seeds])

    @property
    def main(self) -> dict[str, Callable[..., Step]]:
        """How the main networks are made, by the names of their rows."""
        return {PLAIN: self.plain, HYBRID: self.hybrid, CEILING: self.full}

    def trained(self, names: Sequence[str], trainings: Sequence[Training]) -> list[Variant]:
        """Rows: main networks of these names, each trained in all of these ways and tested."""
        return [
            self.tested(name + training.text, partial(self.main[name], training=training))
            for name in names
            for training in trainings
        ]

    def plain(
        self, random_seed: int, second: bool = False, training: Training = AS_IN_THE_BUDGET
    ) -> Step:
        """Cross-entropy on the aggregate."""
        labels = self.seeds.six(random_seed)
        return self.network(
            random_seed, labels, ALL_PIXELS, PLAIN_LOSS, PLAIN, second=second, training=training
        )

    def clean_only(self, random_seed: int, second: bool = False) -> Step:
        """Cross-entropy on pixels with six votes."""
        labels = self.seeds.six(random_seed)
        return self.network(random_seed, labels, marked(6), CLEAN_LOSS, 'clean only', second=second)

    def single(
        self,
        random_seed: int,
        name: str,
        second: bool = False,
        training: Training = AS_IN_THE_BUDGET,
    ) -> Step:
        """Cross-entropy on one seed."""
        labels = self.seeds.eight(random_seed)
        title = f'seed {name}'
        return self.network(
            random_seed, labels, ALL_PIXELS, PLAIN_LOSS, title, name, second, training
        )

    def hybrid(
        self,
        random_seed: int,
        threshold: int = 6,
        second: bool = False,
        training: Training = AS_IN_THE_BUDGET,
        **options: Any,
    ) -> Step:
        """Hybrid learning on the aggregate."""
        loss = dict(type='PNHybridLoss', **options)
        title = f'hybrid, t = {threshold}' + ''.join(f', {k}={v}' for k, v in options.items())
        labels = self.seeds.six(random_seed)
        return self.network(
            random_seed, labels, marked(threshold), loss, title, second=second, training=training
        )

    def constrained(self, random_seed: int) -> Step:
        """The prediction constraint on the aggregate, all pixels taken as clean."""
        labels = self.seeds.six(random_seed)
        return self.network(random_seed, labels, ALL_PIXELS, CONSTRAINT_LOSS, ALL_CONSTRAINED)

    def full(
        self, random_seed: int, second: bool = False, training: Training = AS_IN_THE_BUDGET
    ) -> Step:
        """Cross-entropy on the true masks of the training images."""
        return self.network(
            random_seed, None, TRUE_MASKS, PLAIN_LOSS, CEILING, second=second, training=training
        )

    def full_constrained(self, random_seed: int) -> Step:
        """The prediction constraint on the true masks of the training images."""
        return self.network(random_seed, None, TRUE_MASKS, CONSTRAINT_LOSS, CEILING_CONSTRAINED)

    def network(
        self,
        random_seed: int,
        labels: Step | None,
        annotations: Mapping[str, Any],
        loss: Mapping[str, Any],
        title: str,
        seed: str = AGGREGATED_FOLDER,
        second: bool = False,
        training: Training = AS_IN_THE_BUDGET,
    ) -> Step:
        """A network; arguments as of :meth:`Recipes.network`."""
        return self.recipes.network(
            random_seed,
            labels,
            annotations,
            loss,
            seed,
            second,
            title + training.text + second * ', second network',
            training,
        )

    def on(
        self,
        labels: Callable[[int], Step],
        annotations: Mapping[str, Any],
        loss: Mapping[str, Any],
        title: str,
        training: Training = AS_IN_THE_BUDGET,
    ) -> Callable[[int], Step]:
        """How to make a network on labels of its random seed."""
        return lambda seed: self.network(
            seed, labels(seed), annotations, loss, title, training=training
        )

    def weighted(
        self,
        labels: Callable[[int], Step],
        num_seeds: int,
        title: str = 'weights by agreement',
        training: Training = AS_IN_THE_BUDGET,
    ) -> Callable[[int], Step]:
        """How to make a network whose pixels weigh by the agreement of so many seeds."""
        loss = dict(type='SeedWeightedCrossEntropyLoss', num_seeds=num_seeds)
        return self.on(labels, DISSENT, loss, title, training)
