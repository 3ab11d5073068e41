"""Domain core, pure functions on arrays and tensors: activation maps, CRF, votes, codes."""

from .activation import normalise_activation
from .background import background_score
from .codec import (
    IGNORE_INDEX,
    LOSING_VOTES_OFFSET,
    MAX_LOSING_VOTES,
    NOISY_OFFSET,
    decode_losing_votes,
    decode_seed_disagreement,
    decode_seed_label,
    encode_losing_votes,
    encode_seed_disagreement,
    encode_seed_label,
)
from .crf import CRF_PRESETS, CRFPreset, DenseCRF, unary_from_labels, unary_from_probabilities
from .refine import DenseCRFRefiner, RefinerInput, SeedRefiner, refine_seeds
from .seed import CANDIDATE_SEEDS, PAPER_SEEDS, Seed
from .vote import TIES, aggregate_seeds, find_losing_votes, noisy_mask

__all__ = [
    'CANDIDATE_SEEDS',
    'CRFPreset',
    'CRF_PRESETS',
    'DenseCRF',
    'DenseCRFRefiner',
    'IGNORE_INDEX',
    'LOSING_VOTES_OFFSET',
    'MAX_LOSING_VOTES',
    'NOISY_OFFSET',
    'PAPER_SEEDS',
    'RefinerInput',
    'Seed',
    'SeedRefiner',
    'TIES',
    'aggregate_seeds',
    'background_score',
    'decode_losing_votes',
    'decode_seed_disagreement',
    'decode_seed_label',
    'encode_losing_votes',
    'encode_seed_disagreement',
    'encode_seed_label',
    'find_losing_votes',
    'noisy_mask',
    'normalise_activation',
    'refine_seeds',
    'unary_from_labels',
    'unary_from_probabilities',
]
