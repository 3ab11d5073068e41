"""What a script or a notebook imports."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
from ..evaluation import evaluate_seed_root
from .aggregate_folders import Aggregation, aggregate_folders
from .background_study import background_curve, study_background
from .check_tags import TagCheck, check_tags
from .evaluate_seeds import evaluate_seeds
from .export_annotations import Export, export_annotations
from .export_onnx import OnnxExport, export_onnx
from .generate_seeds import check_generation, generate_seeds
from .import_annotations import Import, discard_corrections, import_annotations
from .inferencer import Inferencer, Segmentation
from .make_pseudo_masks import make_pseudo_masks
from .predict import predict_folder
from .tagger import TaggedFolder, Tagger, tag_folder
from .visualize_seeds import visualize_seeds

__all__ = [
    'Aggregation',
    'Export',
    'Import',
    'Inferencer',
    'OnnxExport',
    'Segmentation',
    'TagCheck',
    'TaggedFolder',
    'Tagger',
    'aggregate_folders',
    'background_curve',
    'check_generation',
    'check_tags',
    'discard_corrections',
    'evaluate_seed_root',
    'evaluate_seeds',
    'export_annotations',
    'export_onnx',
    'generate_seeds',
    'import_annotations',
    'make_pseudo_masks',
    'predict_folder',
    'study_background',
    'tag_folder',
    'visualize_seeds',
]
