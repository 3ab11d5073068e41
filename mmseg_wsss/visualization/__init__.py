"""Pictures of seeds and predictions, and reports that show them."""

from .calibration_plot import calibration_plot
from .chain_pictures import prediction_figures, seed_figures
from .confusion_picture import CONFUSION_COLORS, confusion_picture
from .figure_row import Figure, FigureRow
from .figure_sheet import figure_sheet
from .gallery import html_gallery, html_rows
from .html_plot import Curve, html_plot
from .pictures import activation_picture, agreement_picture, blend, color_mask, picture_sheet
from .report import (
    html_code,
    html_contents,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_table,
)
from .review_figures import review_figures
from .review_rows import review_rows
from .seed_report import seed_report
from .seed_visualizer import SeedVisualizer
from .training_sheet import training_sheet

__all__ = [
    'CONFUSION_COLORS',
    'Curve',
    'Figure',
    'FigureRow',
    'SeedVisualizer',
    'activation_picture',
    'agreement_picture',
    'blend',
    'calibration_plot',
    'color_mask',
    'confusion_picture',
    'figure_sheet',
    'html_code',
    'html_contents',
    'html_gallery',
    'html_heading',
    'html_key',
    'html_page',
    'html_paragraph',
    'html_plot',
    'html_rows',
    'html_table',
    'picture_sheet',
    'prediction_figures',
    'review_figures',
    'review_rows',
    'seed_figures',
    'seed_report',
    'training_sheet',
]
