"""Tables, plots, pictures and pages of scores."""

from .. import registry  # noqa: F401  # mends the dependency stack before mmseg is imported
from .figures import figure_sheet, prediction_figures, review_figures, seed_figures, training_sheet
from .gallery import Figure, FigureRow, html_gallery, html_rows
from .page import (
    html_code,
    html_contents,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_table,
)
from .pictures import (
    CONFUSION_COLORS,
    activation_picture,
    agreement_picture,
    blend,
    color_mask,
    confusion_picture,
    picture_sheet,
)
from .plots import Curve, calibration_plot, html_plot
from .seed_page import review_rows, seed_report
from .seed_visualizer import SeedVisualizer
from .tables import (
    BACKGROUND_CURVE_TITLE,
    CALIBRATION_TITLE,
    Table,
    background_tables,
    evaluation_tables,
)

__all__ = [
    'BACKGROUND_CURVE_TITLE',
    'CALIBRATION_TITLE',
    'CONFUSION_COLORS',
    'Curve',
    'Figure',
    'FigureRow',
    'SeedVisualizer',
    'Table',
    'activation_picture',
    'agreement_picture',
    'background_tables',
    'blend',
    'calibration_plot',
    'color_mask',
    'confusion_picture',
    'evaluation_tables',
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
