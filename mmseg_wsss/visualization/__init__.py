"""Pictures of seeds and predictions, and reports that show them."""

from .chain_pictures import prediction_figures, seed_figures
from .pictures import activation_picture, agreement_picture, blend, color_mask, picture_sheet
from .report import (
    html_code,
    html_gallery,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_table,
)

__all__ = [
    'activation_picture',
    'agreement_picture',
    'blend',
    'color_mask',
    'html_code',
    'html_gallery',
    'html_heading',
    'html_key',
    'html_page',
    'html_paragraph',
    'html_table',
    'picture_sheet',
    'prediction_figures',
    'seed_figures',
]
