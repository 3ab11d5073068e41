"""Tables, plots, pictures and pages of scores."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
from .figures import (
    figure_sheet,
    prediction_figures,
    review_figures,
    seed_figures,
    training_sheet,
)
from .page import Code, Figure, FigureRow, Key, Page, Plots, Rows, Section
from .pictures import (
    CONFUSION_COLORS,
    activation_picture,
    agreement_picture,
    blend,
    color_mask,
    confusion_picture,
    picture_sheet,
)
from .plots import (
    Plot,
    agreement_plot,
    background_fit_plot,
    calibration_plot,
    class_plot,
    threshold_plot,
)
from .seed_page import background_page, evaluation_page, review_rows
from .seed_visualizer import SeedVisualizer
from .tables import Table, background_tables, evaluation_head, evaluation_tables

__all__ = [
    'CONFUSION_COLORS',
    'Code',
    'Figure',
    'FigureRow',
    'Key',
    'Page',
    'Plot',
    'Plots',
    'Rows',
    'Section',
    'SeedVisualizer',
    'Table',
    'activation_picture',
    'agreement_picture',
    'agreement_plot',
    'background_fit_plot',
    'background_page',
    'background_tables',
    'blend',
    'calibration_plot',
    'class_plot',
    'color_mask',
    'confusion_picture',
    'evaluation_head',
    'evaluation_page',
    'evaluation_tables',
    'figure_sheet',
    'picture_sheet',
    'prediction_figures',
    'review_figures',
    'review_rows',
    'seed_figures',
    'threshold_plot',
    'training_sheet',
]
