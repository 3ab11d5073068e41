"""Accuracy of the aggregate over the agreement of the seeds, as curves."""

from __future__ import annotations

from collections.abc import Sequence

from mmseg_wsss.evaluation.calibration import Calibration

from .html_plot import Curve, html_plot


def calibration_plot(
    calibration: Calibration, classes: Sequence[str], palette: Sequence[Sequence[int]]
) -> str:
    """Draw the calibration curve: overall, of each class, and the diagonal.

    On the diagonal the share of right labels is the share of seeds that agree.

    Args:
        calibration (Calibration): What was counted.
        classes (Sequence[str]): Names of the K classes.
        palette (Sequence[Sequence[int]]): Their RGB colours.

    Returns:
        str: HTML.
    """
    num_seeds = calibration.counts.shape[2] - 1
    diagonal = [100 * votes / num_seeds for votes in range(num_seeds + 1)]
    curves = [Curve('share of seeds that agree', diagonal, dashed=True)]
    curves += [
        Curve(name, (100 * values).tolist(), color)
        for name, values, color in zip(classes, calibration.accuracy_by_class, palette, strict=True)
    ]
    curves.append(Curve('all classes', (100 * calibration.accuracy).tolist(), width=3.5))
    return html_plot(
        curves,
        'seeds that agree',
        'Right labels in percent: all classes (bold), each class in its colour, and the share of '
        'seeds that agree (dashed).',
    )
