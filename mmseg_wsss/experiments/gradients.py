"""Shows how strongly each term of hybrid learning pulls at a network.

``python -m mmseg_wsss.experiments.gradients CONFIG CHECKPOINT [--batches 25]``: takes batches as
the config's training does, leaves the network as it is, and prints for each term at how many pixels
it acts and how large its gradient is, at the logits and at the weights. No true mask is used.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import Tensor, nn

import mmseg_wsss
from mmseg_wsss.evaluation.table import Table
from mmseg_wsss.models.losses import PNHybridLoss
from mmseg_wsss.models.losses.functional import (
    at_least_float32,
    draw_complementary_labels,
    pn_hybrid_pixel_loss,
)
from mmseg_wsss.models.losses.hybrid_settings import HybridSettings
from mmseg_wsss.models.losses.pixel_labels import PixelLabels
from mmseg_wsss.utils.checkpoint import load_weights

POSITIVE = 'positive, clean pixels'
DIRECT, INDIRECT = 'direct, noisy pixels', 'indirect, noisy pixels'
REFERENCE = 'cross-entropy, all pixels'
OFF = dict(direct_weight=0.0, indirect_weight=0.0, noisy_positive_weight=0.0)


def pixel_terms(logits: Tensor, labels: PixelLabels, settings: HybridSettings) -> dict[str, Tensor]:
    """The terms of the loss apart from each other, and cross-entropy for comparison.

    Args:
        logits (Tensor): (B, K, H, W).
        labels (PixelLabels): (B, H, W).
        settings (HybridSettings): Of the loss.

    Returns:
        dict[str, Tensor]: By the name of the term (B, H, W), 0 where it does not act. All but the
        reference add up to the loss without the positive term on noisy pixels.
    """
    draws = None
    if settings.draws:
        draws = draw_complementary_labels(
            labels.label[labels.noisy], logits.shape[1], settings.num_draws
        )

    def loss(**changes: object) -> Tensor:
        changed = replace(settings, **{**OFF, **changes})
        return pn_hybrid_pixel_loss(
            logits, labels.label, labels.clean, labels.noisy, changed, draws
        )

    plain = nn.functional.cross_entropy(at_least_float32(logits), labels.label, reduction='none')
    return {
        POSITIVE: loss().where(labels.clean, 0),
        DIRECT: loss(direct_weight=settings.direct_weight).where(labels.noisy, 0),
        INDIRECT: loss(indirect_weight=settings.indirect_weight).where(labels.noisy, 0),
        REFERENCE: plain.where(labels.clean | labels.noisy, 0),
    }


def measure(
    model: nn.Module, batches: Iterable[dict], settings: HybridSettings
) -> dict[str, dict[str, float]]:
    """Measure the terms of a segmentor's loss.

    Args:
        model (nn.Module): An ``EncoderDecoder`` of mmseg; in evaluation mode, so that it stays as
            it is.
        batches (Iterable[dict]): As a training dataloader gives them.
        settings (HybridSettings): Of the loss.

    Returns:
        dict[str, dict[str, float]]: For each term ``pixels``, the share of the supervised pixels at
        which it has a gradient; ``pixel``, the mean over these of the gradient's absolute values,
        summed over the classes; ``sum``, the share of all absolute values, those of the reference
        left out; ``weights``, the norm of the gradient at all weights, mean over the batches.

    Raises:
        ValueError: If there is no batch.
    """
    head = model.decode_head
    weights = [one for one in model.parameters() if one.requires_grad]
    acting, pull = Counter(), Counter()
    norms: defaultdict[str, list[float]] = defaultdict(list)
    supervised = 0
    for batch in batches:
        batch = model.data_preprocessor(batch, True)
        codes = torch.stack([one.gt_sem_seg.data[0] for one in batch['data_samples']])
        labels = PixelLabels.from_codes(codes, head.num_classes)
        logits = head(model.extract_feat(batch['inputs']))
        logits = nn.functional.interpolate(
            logits, codes.shape[-2:], mode='bilinear', align_corners=head.align_corners
        )
        number = int((labels.clean | labels.noisy).sum())
        supervised += number
        for name, term in pixel_terms(logits, labels, settings).items():
            (gradient,) = torch.autograd.grad(term.sum(), logits, retain_graph=True)
            sizes = gradient.abs().sum(1)
            acting[name] += int(sizes.count_nonzero())
            pull[name] += sizes.sum().item()
            found = torch.autograd.grad(
                logits, weights, gradient / max(number, 1), retain_graph=True, allow_unused=True
            )
            squares = sum(one.square().sum() for one in found if one is not None)
            norms[name].append(squares.sqrt().item())
    if not norms:
        raise ValueError('there is no batch to measure')
    total = sum(size for name, size in pull.items() if name != REFERENCE)
    return {
        name: dict(
            pixels=acting[name] / max(supervised, 1),
            pixel=pull[name] / max(acting[name], 1),
            sum=pull[name] / max(total, 1e-30),
            weights=sum(norms[name]) / len(norms[name]),
        )
        for name in norms
    }


def gradient_table(found: dict[str, dict[str, float]]) -> Table:
    """Show what :func:`measure` found."""
    rows = [
        [name, 100 * one['pixels'], one['pixel'], 100 * one['sum'], one['weights']]
        for name, one in found.items()
    ]
    header = ['term', 'pixels with it, %', 'at a pixel', 'share of all, %', 'at the weights']
    return Table(
        'Gradients of the terms of the loss',
        header,
        rows,
        'At a pixel: absolute values at its logits, added up, mean over the pixels with the term. '
        'At the weights: norm of the gradient of the mean over the supervised pixels.',
        decimals=3,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='of a network with PNHybridLoss')
    parser.add_argument('checkpoint')
    parser.add_argument('--batches', type=int, default=25, help='of the training, from its start')
    args = parser.parse_args(arguments)
    try:
        config = Config.fromfile(args.config)
        init_default_scope(config.get('default_scope', 'mmseg'))
        model = mmseg_wsss.registry.MODELS.build(config.model).eval()
        load_weights(model, args.checkpoint)
        loss = model.decode_head.loss_decode
        if not isinstance(loss, PNHybridLoss):
            raise ValueError(
                f'{args.config}: the loss is {type(loss).__name__}, expected PNHybridLoss'
            )
        loader = Runner.build_dataloader(config.train_dataloader, seed=0)
        torch.manual_seed(0)
        found = measure(model, islice(loader, args.batches), loss.settings)
        print(gradient_table(found).text())
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
