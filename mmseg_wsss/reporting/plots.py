"""Plots of a report by matplotlib, as pictures inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..seeds.threshold import MixtureFit

# Blue and orange first, which colour-blind people can tell apart (Okabe and Ito).
COLORS = ('#0072b2', '#e67800', '#009e73', '#cc508c', '#56b4e9', '#785e14')

# Share of the pixels by agreement of the paper's six seeds, from its Tables 10 and 11; percent.
PAPER_AGREEMENT = {3: 0.83, 4: 1.39, 5: 1.81, 6: 95.96}


@dataclass(frozen=True)
class Plot:
    """A plot.

    Attributes:
        uri (str): An SVG picture as a data URI.
        caption (str): What it shows.
    """

    uri: str
    caption: str


def agreement_plot(data: Mapping[str, Any]) -> Plot:
    """Draw how many pixels have how many agreeing seeds, as bars.

    Args:
        data (Mapping): See :func:`~mmseg_wsss.evaluation.evaluation_data`.
    """
    pixels = data['agreement']['pixels']
    shares = [100 * value / sum(pixels) for value in pixels]
    figure, axes = _axes('seeds that agree', 'share of the pixels, %')
    bars = axes.bar(range(len(shares)), shares, color=COLORS[0], label='these seeds')
    axes.bar_label(bars, [f'{share:.1f}' for share in shares], fontsize=9)
    axes.set_xticks(range(len(shares)))
    axes.set_ylim(0, 108)
    caption = 'How many seeds agree, in percent of all pixels.'
    if len(shares) == 1 + max(PAPER_AGREEMENT):
        points = list(PAPER_AGREEMENT.items())
        axes.plot(*zip(*points, strict=True), 'D', color=COLORS[1], label="the paper's")
        axes.legend(fontsize=8, loc='upper left')
        said = ', '.join(f'{count}: {share:.1f}' for count, share in reversed(points))
        caption += f" The paper's six seeds on VOC 2012: {said}."
    return _plot(figure, caption)


def background_fit_plot(data: Mapping[str, Any]) -> Plot:
    """Draw the activations that the background threshold was found from, and the fit.

    Args:
        data (Mapping): With ``head.background_fit``, see
            :func:`~mmseg_wsss.evaluation.evaluation_data`.
    """
    fit = data['head']['background_fit']
    counts = np.array(fit['counts'])
    edges = np.arange(len(counts) + 1) / len(counts)
    centres = (edges[1:] + edges[:-1]) / 2
    figure, axes = _axes('highest activation of a pixel', 'density')
    axes.stairs(counts / counts.sum() * len(counts), edges, fill=True, color='#cccccc')
    if 'means' in fit:
        mixture = MixtureFit(fit['weights'], fit['means'], fit['deviations'], fit['threshold'])
        densities = mixture.density(centres)
        said = 'the two kinds of pixels are equally likely'
    else:
        kinds = np.array([fit['background'], fit['foreground']])
        densities = kinds / kinds.sum(axis=1, keepdims=True) * len(counts)
        said = 'the pixels that the labels agree on are told apart best'
    for name, density, color in zip(('background', 'object'), densities, COLORS[:2], strict=True):
        axes.plot(centres, density, color=color, label=name, linewidth=1.5)
    threshold = fit['threshold']
    axes.axvline(threshold, color='black', linestyle='--', label=f'{threshold:.3f}')
    axes.legend(fontsize=8)
    if 'thresholds' in fit:
        before, mixed = fit['thresholds']
        said += f' ({mixed:.3f}), halfway to that of the maps before saliency ({before:.3f})'
    return _plot(
        figure,
        f'The background threshold is where {said}; no ground truth was looked at.',
    )


def calibration_plot(data: Mapping[str, Any]) -> Plot:
    """Draw the accuracy of the aggregate by agreement: overall, of each class, and the diagonal.

    On the diagonal the accuracy is the share of seeds that agree.

    Args:
        data (Mapping): With ``calibration``, see :func:`~mmseg_wsss.evaluation.evaluation_data`.
    """
    calibration, head = data['calibration'], data['head']
    num_seeds = len(head['seeds'])
    figure, axes = _axes('seeds that agree', 'accuracy of the label, %')
    diagonal = [100 * votes / num_seeds for votes in range(num_seeds + 1)]
    axes.plot(diagonal, '--', color='#888888', label='share of seeds that agree', linewidth=1)
    for (name, values), color in zip(
        calibration['accuracy_by_class'].items(), head['palette'], strict=True
    ):
        # A class in its own colour; white would not be seen.
        rgb = [min(value, 225) / 255 for value in color]
        label = name if len(head['classes']) <= 8 else None
        axes.plot(_percent(values), '.-', color=rgb, label=label, linewidth=1.2)
    axes.plot(
        _percent(calibration['accuracy']), 'o-', color='black', label='all classes', linewidth=2.5
    )
    axes.set_xticks(range(num_seeds + 1))
    axes.set_ylim(0, 103)
    axes.legend(fontsize=8, loc='upper left')
    return _plot(figure, 'Whether votes can be trusted: accuracy of the aggregate by agreement.')


def class_plot(data: Mapping[str, Any], mask: str = 'aggregated') -> Plot:
    """Draw the IoU of each class as bars in the colours of the classes.

    Args:
        data (Mapping): With scores, see :func:`~mmseg_wsss.evaluation.evaluation_data`.
        mask (str): Whose.
    """
    head = data['head']
    values = [data['masks'][mask]['classes'][name]['iou'] for name in head['classes']]
    shown = [0 if value is None else 100 * value for value in values]
    figure, axes = _axes('IoU, %', '', height=max(2.6, 0.6 + 0.2 * len(shown)))
    colors = [[value / 255 for value in color] for color in head['palette']]
    bars = axes.barh(range(len(shown)), shown, color=colors, edgecolor='#666666', linewidth=0.6)
    labels = ['–' if value is None else f'{100 * value:.1f}' for value in values]
    axes.bar_label(bars, labels, padding=3, fontsize=9)
    axes.set_yticks(range(len(shown)), head['classes'], fontsize=9)
    axes.set_xlim(0, 108)
    axes.invert_yaxis()
    axes.grid(visible=False, axis='y')
    return _plot(figure, 'IoU of each class, aggregate.')


def threshold_plot(data: Mapping[str, Any]) -> Plot:
    """Draw the mIoU of activation maps over the background threshold.

    Args:
        data (Mapping): See :func:`~mmseg_wsss.evaluation.background_data`.
    """
    figure, axes = _axes('background threshold', 'mIoU, %')
    for number, (name, seed) in enumerate(data['seeds'].items()):
        color = COLORS[number % len(COLORS)]
        axes.plot(data['thresholds'], _percent(seed['miou']), color=color, label=name)
        best = seed['best']
        axes.plot(best['threshold'], 100 * best['miou'], 'o', color=color)
    if data['head'].get('current') is not None:
        axes.axvline(data['head']['current'], color='#888888', linestyle='--', label='in use')
    axes.legend(fontsize=8)
    return _plot(figure, 'mIoU before the dense CRF; a dot marks the best threshold.')


def _percent(values: Sequence[float | None]) -> list[float]:
    return [float('nan') if value is None else 100 * value for value in values]


def _axes(x_title: str, y_title: str, height: float = 3.2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.6, height), layout='constrained')
    axes = figure.add_subplot()
    axes.set_xlabel(x_title)
    axes.set_ylabel(y_title)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    return figure, axes


def _plot(figure: Figure, caption: str) -> Plot:
    content = io.BytesIO()
    # The same bytes in every run.
    with matplotlib.rc_context({'svg.hashsalt': 'mmseg_wsss'}):
        figure.savefig(content, format='svg', metadata={'Date': None})
    encoded = base64.b64encode(content.getvalue()).decode('ascii')
    return Plot(f'data:image/svg+xml;base64,{encoded}', caption)
