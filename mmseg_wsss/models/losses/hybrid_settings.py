"""Settings of the positive-negative hybrid loss."""

from __future__ import annotations

from dataclasses import dataclass

POSITIVE_TERMS = ('constraint', 'ce', 'ce+constraint')
DIRECT_LABELS = ('assigned', 'losers')
DIRECT_GATES = ('all', 'low_confidence', 'untagged')
INDIRECT_TARGETS = ('draws', 'mean', 'unvoted')


def check_smoothing(label_smoothing: float) -> float:
    """Hand back a share of label smoothing.

    Raises:
        ValueError: If it is not in [0, 1].
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f'label_smoothing must be in [0, 1], got {label_smoothing}')
    return label_smoothing


@dataclass(frozen=True)
class HybridSettings:
    """What is added up at a clean and at a noisy pixel.

    The paper names the three parts (positive learning on clean pixels, negative learning on noisy
    ones, prediction constraint); their exact form is a reading of the paper, and every
    alternative is an option here.

    Args:
        positive: Loss on clean pixels. ``constraint``: cross-entropy of the logits divided by
            their norm (the prediction constraint, after VBLC, AAAI 2023); ``ce``: cross-entropy;
            ``ce+constraint``: cross-entropy plus ``constraint_weight`` times the constraint.
        constraint_weight: Weight (lambda) of the constraint in ``ce+constraint``, >= 0.
        temperature: Divides the normalised logits of the constraint, > 0. The constraint's floor
            is ``log(1 + (K - 1) exp(-sqrt(K / (K - 1)) / temperature))``.
        direct_weight: Weight of ``-log(1 - p[y])`` on noisy pixels, y the assigned label, >= 0.
        direct_gate: Which noisy pixels count as labelled incorrectly and get the direct term.
            ``all``; ``low_confidence``: where ``p[y] < 1 / K``; ``untagged``: where y is no clean
            pixel's label in the same image crop. With ``direct='losers'`` it is asked of each
            loser in y's place; the vote has judged them already, so ``all`` is the plain choice.
        indirect_weight: Weight of ``-log(1 - p[c])`` on noisy pixels, c a complementary class
            (NLNL, ICCV 2019), >= 0.
        indirect: Which c. ``draws``: the average over ``num_draws`` classes drawn uniformly from
            those other than y; ``mean``: the average over all K - 1 of them; ``unvoted``: the
            average over the classes that no supervised pixel of the same image crop is labelled
            with (the term is 0 where there is none).
        num_draws: Draws per noisy pixel, >= 1.
        noisy_positive_weight: Weight of the positive term on noisy pixels, >= 0. The paper learns
            them negatively only (0, a reading); but most noisy labels may be right, and pixels
            that are left out are no random ones: in a vote whose ties go to the background they
            are mostly background.
        jnpl_weighting: Multiply each indirect term by the detached ``1 - p[c]`` (JNPL, CVPR 2021).
        label_smoothing: Share e of the label that the cross-entropy in ``positive`` spreads evenly
            over all classes, in [0, 1]: ``(1 - e) (-log p[y]) + e mean_k(-log p[k])``.
        direct: Which labels the direct term pushes down. ``assigned``: the assigned label y;
            ``losers``: each of the other labels that seeds voted for at that pixel, their terms
            added up ("labels determined as incorrect" are those that lost the vote). It needs codes
            with losing votes.
        noisy_set_weight: Weight of ``-log sum_{k in S} p[k]`` on noisy pixels, S = y and the losers
            there: one of the voted labels is right, whichever it is, >= 0. It needs codes with
            losing votes.
        tag_set_weight: Weight of the same with S = the background and the classes in the image's
            tags, on all supervised pixels: a class without tag is certainly absent, >= 0. It needs
            the tags of the images. Ignored pixels have no part in it, as crops are padded with
            them.

    Raises:
        ValueError: If a value is not among the ones listed.

    Examples:
        >>> HybridSettings(positive='ce').positive
        'ce'
        >>> HybridSettings(temperature=0.0)
        Traceback (most recent call last):
        ...
        ValueError: temperature must be a number above 0, got 0.0
    """

    positive: str = 'constraint'
    constraint_weight: float = 1.0
    temperature: float = 1.0
    direct_weight: float = 1.0
    direct_gate: str = 'low_confidence'
    indirect_weight: float = 1.0
    indirect: str = 'draws'
    num_draws: int = 1
    jnpl_weighting: bool = False
    noisy_positive_weight: float = 0.0
    label_smoothing: float = 0.0
    direct: str = 'assigned'
    noisy_set_weight: float = 0.0
    tag_set_weight: float = 0.0

    def __post_init__(self) -> None:
        for name, known in (
            ('positive', POSITIVE_TERMS),
            ('direct', DIRECT_LABELS),
            ('direct_gate', DIRECT_GATES),
            ('indirect', INDIRECT_TARGETS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f'{name} must be one of {", ".join(known)}; got {getattr(self, name)!r}'
                )
        for name in (
            'constraint_weight', 'direct_weight', 'indirect_weight', 'noisy_positive_weight',
            'noisy_set_weight', 'tag_set_weight',
        ):  # fmt: skip
            if not 0 <= getattr(self, name) < float('inf'):
                raise ValueError(f'{name} must be a number >= 0, got {getattr(self, name)}')
        if not 0 < self.temperature < float('inf'):
            raise ValueError(f'temperature must be a number above 0, got {self.temperature}')
        if self.num_draws < 1 or self.num_draws != int(self.num_draws):
            raise ValueError(f'num_draws must be a whole number >= 1, got {self.num_draws}')
        if check_smoothing(self.label_smoothing) and not self.ce_weight:
            raise ValueError(
                'label_smoothing is of cross-entropy, and the positive term has none: expected '
                f"positive='ce' or 'ce+constraint' with it, got {self.positive!r}"
            )

    @property
    def ce_weight(self) -> float:
        """Weight of cross-entropy in the positive term."""
        return 0.0 if self.positive == 'constraint' else 1.0

    @property
    def pc_weight(self) -> float:
        """Weight of the prediction constraint in the positive term."""
        return {'constraint': 1.0, 'ce': 0.0}.get(self.positive, self.constraint_weight)

    @property
    def draws(self) -> bool:
        """Whether complementary classes have to be drawn."""
        return self.indirect == 'draws' and self.indirect_weight > 0

    @property
    def losers(self) -> bool:
        """Whether the labels that lost the vote have to be known."""
        return (self.direct == 'losers' and self.direct_weight > 0) or self.noisy_set_weight > 0
