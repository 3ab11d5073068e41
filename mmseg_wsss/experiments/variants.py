"""What networks are trained on and with: labels, losses, and the names of the main variants."""

from __future__ import annotations

from typing import Any

SCORES = {'mIoU': 'mIoU', 'pixels right': 'aAcc', 'mean accuracy': 'mAcc'}
ALL_PIXELS = dict(type='LoadSeedAnnotations', agreement_threshold=None)
TRUE_MASKS = dict(type='LoadAnnotations')
DISSENT = dict(type='LoadSeedAnnotations', agreement_threshold='unanimous', noisy='dissent')
PLAIN, CEILING, HYBRID = 'aggregate, plain', 'true masks (ceiling)', 'hybrid, t = 6'
ALL_CONSTRAINED = 'aggregate, constraint'
CEILING_CONSTRAINED = 'true masks, constraint'
PLAIN_LOSS = dict(type='CrossEntropyLoss', avg_non_ignore=True)
CLEAN_LOSS = dict(type='SeedCrossEntropyLoss', noisy='ignore')
HYBRID_LOSS = dict(type='PNHybridLoss')
HALF_POSITIVE = dict(type='PNHybridLoss', noisy_positive_weight=0.5)
# No pixel is noisy for it: the constraint alone.
CONSTRAINT_LOSS = HYBRID_LOSS
NLNL = dict(positive='ce', direct_weight=0.0, indirect='draws')

# Readings of the loss: what differs from hybrid learning as it is by default.
READINGS: dict[str, dict[str, Any]] = {
    'positive: ce': dict(positive='ce'),
    'positive: ce+constraint': dict(positive='ce+constraint'),
    'positive: ce+constraint, weight 0.1': dict(positive='ce+constraint', constraint_weight=0.1),
    'positive: constraint, temperature 0.1': dict(temperature=0.1),
    'positive: constraint, temperature 0.3': dict(temperature=0.3),
    'direct: all': dict(direct_gate='all'),
    'direct: untagged': dict(direct_gate='untagged'),
    'direct: off': dict(direct_weight=0.0),
    'indirect: mean': dict(indirect='mean'),
    'indirect: unvoted': dict(indirect='unvoted'),
    'indirect: 4 draws': dict(num_draws=4),
    'indirect: JNPL weights': dict(jnpl_weighting=True),
    'indirect: off': dict(indirect_weight=0.0),
    'negatives off': dict(direct_weight=0.0, indirect_weight=0.0),
    'negatives x 0.1': dict(direct_weight=0.1, indirect_weight=0.1),
    'negatives x 3': dict(direct_weight=3.0, indirect_weight=3.0),
    # About what the positive term pulls with, at the weights of a trained network.
    'negatives x 20': dict(direct_weight=20.0, indirect_weight=20.0),
    'noisy pixels positive x 0.5 as well': dict(noisy_positive_weight=0.5),
    'noisy pixels positive as well': dict(noisy_positive_weight=1.0),
    'ce, negatives x 0.1': dict(positive='ce', direct_weight=0.1, indirect_weight=0.1),
}


def marked(threshold: int | str) -> dict[str, Any]:
    """The pipeline's step that marks pixels below the threshold as noisy."""
    return dict(type='LoadSeedAnnotations', agreement_threshold=threshold)
