"""Pictures of seeds and predictions, and reports that show them."""

from .calibration_plot import calibration_plot
from .chain_pictures import prediction_figures, seed_figures
from .confusion_picture import CONFUSION_COLORS, confusion_picture
from .figure_sheet import figure_sheet
from .html_plot import Curve, html_plot
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
from .review_figures import review_figures
from .seed_report import seed_report
from .seed_visualizer import SeedVisualizer
from .training_sheet import training_sheet

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
    'CONFUSION_COLORS',
    'Curve',
    'SeedVisualizer',
    'calibration_plot',
    'confusion_picture',
    'figure_sheet',
    'html_plot',
    'review_figures',
    'seed_report',
    'training_sheet',
]
