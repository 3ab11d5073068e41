"""The tables of a second round: masks of trained networks as labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .budget import PAPER_SIX
from .group import ON_TRAINING, ON_VALIDATION, Group, Variant
from .networks import Networks
from .recipes import Recipes
from .seed_groups import VOTED, SeedGroups
from .step import Step
from .training import Training
from .variants import (
    ALL_PIXELS,
    CEILING,
    CLEAN_LOSS,
    CONSTRAINT_LOSS,
    HALF_POSITIVE,
    HYBRID,
    HYBRID_LOSS,
    PLAIN,
    PLAIN_LOSS,
    SCORES,
    marked,
)

# Cross-entropy has not learnt all classes after the budget's iterations.
LONGER = Training(length=2.0)
VOTE = 'vote of six seeds'
OF_PLAIN, OF_HYBRID = 'masks of plain', 'masks of hybrid'
ALL_NETWORKS = 'masks of all networks'
SEVEN = 'six seeds and masks of hybrid'
NAME = 'second-round'
# The rows that goals compare.
SECOND_HYBRID, SECOND_PLAIN = f'{ALL_NETWORKS}, hybrid, unanimous', f'{ALL_NETWORKS}, plain'


class SecondRound:
    """Makes the tables of the second round.

    Args:
        recipes (Recipes): Makes the steps.
        seeds (SeedGroups): Makes the labels of the first round.
        networks (Networks): Makes the networks.
    """

    def __init__(self, recipes: Recipes, seeds: SeedGroups, networks: Networks) -> None:
        self.recipes, self.seeds, self.networks = recipes, seeds, networks
        self.labels: dict[str, Callable[[int], Step]] = {
            OF_PLAIN: partial(self.alone, networks.plain),
            OF_HYBRID: partial(self.alone, networks.hybrid),
            ALL_NETWORKS: self.all_networks,
            SEVEN: self.seven,
        }

    def groups(self) -> list[Group]:
        """The tables."""
        return [self._labels(), self._networks()]

    def masks(self, make: Callable[..., Step], random_seed: int) -> Step:
        """Masks of the training images by a network of the first round."""
        augmented = self.recipes.budget.augmented_masks
        return self.recipes.masks(make(random_seed, training=LONGER), tta=augmented)

    def alone(self, make: Callable[..., Step], random_seed: int) -> Step:
        """A seed root of one network's masks."""
        masks = self.masks(make, random_seed)
        return self.recipes.aggregate([(masks, '')], title=masks.title)

    def all_networks(self, random_seed: int) -> Step:
        """The vote of the masks of both networks of all random seeds; ties go to the own ones."""
        random_seeds = self.recipes.budget.random_seeds
        first = random_seeds.index(random_seed)
        sources = [
            (self.masks(make, seed), '')
            for seed in (*random_seeds[first:], *random_seeds[:first])
            for make in (self.networks.hybrid, self.networks.plain)
        ]
        title = f'{ALL_NETWORKS}, from random seed {random_seed} on'
        return self.recipes.aggregate(sources, tie='seed_order', title=title)

    def seven(self, random_seed: int) -> Step:
        """The vote of the paper's six seeds and the masks of hybrid learning."""
        sources = [(self.seeds.eight(random_seed), name) for name in PAPER_SIX]
        sources.append((self.masks(self.networks.hybrid, random_seed), ''))
        return self.recipes.aggregate(sources, title=f'{SEVEN}, random seed {random_seed}')

    def _labels(self) -> Group:
        random_seeds = self.recipes.budget.random_seeds
        roots = {VOTE: self.seeds.six, **self.labels}
        variants = [
            Variant(name, [self.recipes.judge(make(seed)) for seed in random_seeds])
            for name, make in roots.items()
        ]
        note = (
            f'Masks of networks trained {LONGER.length:g} times as long as the budget says, with '
            + 'test-time augmentation and ' * self.recipes.budget.augmented_masks
            + 'the dense CRF, only with classes in the tags.'
        )
        return Group('masks', 'Masks of trained networks', ON_TRAINING, VOTED, variants, VOTE, note)

    def _networks(self) -> Group:
        variants = self.networks.trained((PLAIN, HYBRID), [LONGER])
        for name, pixels, loss, title in (
            (OF_PLAIN, ALL_PIXELS, PLAIN_LOSS, 'plain'),
            (OF_HYBRID, ALL_PIXELS, PLAIN_LOSS, 'plain'),
            (OF_HYBRID, ALL_PIXELS, CONSTRAINT_LOSS, 'constraint'),
            (ALL_NETWORKS, ALL_PIXELS, PLAIN_LOSS, 'plain'),
            (ALL_NETWORKS, ALL_PIXELS, CONSTRAINT_LOSS, 'constraint'),
            (ALL_NETWORKS, marked('unanimous'), CLEAN_LOSS, 'clean only'),
            (ALL_NETWORKS, marked('unanimous'), HYBRID_LOSS, 'hybrid, unanimous'),
            (
                ALL_NETWORKS,
                marked('unanimous'),
                HALF_POSITIVE,
                'hybrid, noisy pixels positive x 0.5 as well',
            ),
            (SEVEN, marked('unanimous'), HYBRID_LOSS, 'hybrid, unanimous'),
        ):
            row = f'{name}, {title}'
            made = self.networks.on(self.labels[name], pixels, loss, f'second round, {row}', LONGER)
            variants.append(self.networks.tested(row, made))
        row = f'{ALL_NETWORKS}, weights by agreement'
        voters = 2 * len(self.recipes.budget.random_seeds)
        made = self.networks.weighted(self.all_networks, voters, f'second round, {row}', LONGER)
        variants.append(self.networks.tested(row, made))
        variants += self.networks.trained([CEILING], [LONGER])
        note = (
            'The first rows are the networks of the first round, whose masks the others are '
            f'trained on; all rows with {LONGER.length:g} times the iterations of the budget.'
        )
        return Group(
            NAME,
            'A second round',
            ON_VALIDATION,
            SCORES,
            variants,
            PLAIN + LONGER.text,
            note,
        )
