"""What lies on disk: masks, the manifest of a seed root, records of what masks were made of."""

from .corrections import Corrections
from .image_ids import check_image_id
from .image_records import RECORDS_FOLDER, Fingerprint, ImageRecord, ImageRecords
from .losing_votes import (
    no_losing_votes,
    read_losing_votes,
    unpack_losing_votes,
    write_losing_votes,
)
from .manifest import (
    AGGREGATED_FOLDER,
    AGREEMENT_FOLDER,
    CORRECTED_FOLDER,
    LOSING_VOTES_FOLDER,
    MANIFEST_NAME,
    MASK_FOLDERS,
    SUPERVISIONS,
    SeedManifest,
)
from .mask_folder import MaskFolder
from .masks import decode_mask, encode_mask, read_mask, write_mask
from .saliency import SaliencyFolder, read_saliency, write_saliency
from .seed_store import SeedStore
from .supervision import folder_supervision, joint_supervision, root_supervision

__all__ = [
    'AGGREGATED_FOLDER',
    'AGREEMENT_FOLDER',
    'CORRECTED_FOLDER',
    'Corrections',
    'Fingerprint',
    'ImageRecord',
    'ImageRecords',
    'LOSING_VOTES_FOLDER',
    'MANIFEST_NAME',
    'MASK_FOLDERS',
    'MaskFolder',
    'RECORDS_FOLDER',
    'SUPERVISIONS',
    'SaliencyFolder',
    'SeedManifest',
    'SeedStore',
    'check_image_id',
    'decode_mask',
    'encode_mask',
    'folder_supervision',
    'joint_supervision',
    'no_losing_votes',
    'read_losing_votes',
    'read_mask',
    'read_saliency',
    'root_supervision',
    'unpack_losing_votes',
    'write_losing_votes',
    'write_mask',
    'write_saliency',
]
