"""Domain core: activation maps, CRF, votes, codec, seed store; no registries, no configs."""

from .aggregate import TIES, aggregate_seeds, noisy_mask
from .codec import (
    IGNORE_INDEX,
    NOISY_OFFSET,
    decode_seed_dissent,
    decode_seed_label,
    encode_seed_dissent,
    encode_seed_label,
)
from .crf import (
    CRF_PRESETS,
    CRFPreset,
    DenseCRF,
    unary_from_labels,
    unary_from_probabilities,
)
from .image_id import check_image_id
from .manifest import AGGREGATED_FOLDER, AGREEMENT_FOLDER, MANIFEST_NAME, SeedManifest
from .mask_io import decode_mask, encode_mask, read_mask, write_mask
from .seed import CANDIDATE_SEEDS, PAPER_SEEDS, Seed
from .store import SeedStore

__all__ = [
    'AGGREGATED_FOLDER',
    'AGREEMENT_FOLDER',
    'CANDIDATE_SEEDS',
    'CRFPreset',
    'CRF_PRESETS',
    'DenseCRF',
    'IGNORE_INDEX',
    'MANIFEST_NAME',
    'NOISY_OFFSET',
    'PAPER_SEEDS',
    'TIES',
    'Seed',
    'SeedManifest',
    'SeedStore',
    'aggregate_seeds',
    'check_image_id',
    'decode_mask',
    'decode_seed_dissent',
    'decode_seed_label',
    'encode_mask',
    'encode_seed_dissent',
    'encode_seed_label',
    'noisy_mask',
    'read_mask',
    'unary_from_labels',
    'unary_from_probabilities',
    'write_mask',
]
