"""What lies on disk: mask files, the manifest of a seed root, the store of seeds, image ids."""

from .image_ids import check_image_id
from .manifest import AGGREGATED_FOLDER, AGREEMENT_FOLDER, MANIFEST_NAME, SeedManifest
from .mask_folder import MaskFolder
from .masks import decode_mask, encode_mask, read_mask, write_mask
from .seed_store import SeedStore

__all__ = [
    'AGGREGATED_FOLDER',
    'AGREEMENT_FOLDER',
    'MANIFEST_NAME',
    'MaskFolder',
    'SeedManifest',
    'SeedStore',
    'check_image_id',
    'decode_mask',
    'encode_mask',
    'read_mask',
    'write_mask',
]
