"""The hybrid loss once more: one pixel at a time, in plain Python with float64 numbers."""

from __future__ import annotations

import itertools
import math

import torch

STEP = 1e-6
# Options of HybridSettings: every combination of the choices, and each weight.
OPTIONS = [
    dict(positive=positive, direct_gate=gate, indirect=indirect, jnpl_weighting=jnpl)
    for positive, gate, indirect, jnpl in itertools.product(
        ('constraint', 'ce', 'ce+constraint'),
        ('all', 'low_confidence', 'untagged'),
        ('draws', 'mean', 'unvoted'),
        (False, True),
    )
] + [
    dict(direct_weight=0.0),
    dict(indirect_weight=0.0),
    dict(constraint_weight=0.0, positive='ce+constraint'),
    dict(num_draws=4),
    dict(temperature=0.02),
    dict(noisy_positive_weight=0.6),
    dict(noisy_positive_weight=0.6, positive='ce+constraint', indirect='mean'),
    dict(noisy_positive_weight=2.0, positive='ce', direct_weight=0.0, indirect_weight=0.0),
    dict(label_smoothing=0.2, positive='ce', noisy_positive_weight=0.6),
    dict(label_smoothing=1.0, positive='ce+constraint', indirect='mean'),
]
DEFAULTS = dict(temperature=0.6, constraint_weight=0.3, direct_weight=0.7, indirect_weight=1.3)


def option_names(options):
    return '-'.join(map(str, options.values()))


def value_and_grad(function, logits, *args, **kwargs):
    """Value and gradient of the sum, on a copy of the logits."""
    logits = logits.detach().clone().requires_grad_()
    value = function(logits, *args, **kwargs)
    value.sum().backward()
    return value.detach(), logits.grad


def seed_batch(num_classes=5, size=(5, 6), batch=2, noisy=0.3, ignored=0.1, scale=3.0, seed=0):
    """Random float64 logits and codes; class 1 is never clean in image 0, class 2 nowhere in 1."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, num_classes, *size, generator=generator, dtype=torch.float64)
    label = torch.randint(num_classes, (batch, *size), generator=generator)
    label[1][label[1] == 2] = 0
    is_noisy = torch.rand(label.shape, generator=generator) < noisy
    is_noisy[0] |= label[0] == 1
    codes = label + 256 * is_noisy
    codes[torch.rand(label.shape, generator=generator) < ignored] = 255
    return logits * scale, codes


def softmax(z):
    top = max(z)
    exponentials = [math.exp(v - top) for v in z]
    return [e / math.fsum(exponentials) for e in exponentials]


def log_sum(values):
    top = max(values)
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


def neg_log_complement(z, k):
    """-log(1 - p[k]) as a ratio of two sums of exponentials."""
    return log_sum(z) - log_sum(z[:k] + z[k + 1 :])


def positive(z, y, s):
    norm = math.sqrt(math.fsum(v * v for v in z)) + 1e-7
    unit = [v / norm / s.temperature for v in z]
    e = s.label_smoothing
    soft = [e / len(z) + (1 - e) * (k == y) for k in range(len(z))]
    cross_entropy = math.fsum(t * (log_sum(z) - v) for t, v in zip(soft, z, strict=True))
    constraint = log_sum(unit) - unit[y]
    return {
        'ce': cross_entropy,
        'constraint': constraint,
        'ce+constraint': cross_entropy + s.constraint_weight * constraint,
    }[s.positive]


def negative_factors(z, y, s, drawn, clean_labels, all_labels):
    """(class, factor) pairs of a noisy pixel: constants, as gate and JNPL weighting are."""
    p, num_classes = softmax(z), len(z)
    wrong = {
        'all': True,
        'low_confidence': p[y] < 1 / num_classes,
        'untagged': y not in clean_labels,
    }[s.direct_gate]
    pairs = [(y, s.direct_weight)] if wrong else []
    classes = {
        'draws': drawn,
        'mean': [k for k in range(num_classes) if k != y],
        'unvoted': [k for k in range(num_classes) if k not in all_labels],
    }[s.indirect]
    for c in classes:
        factor = s.indirect_weight / len(classes)
        pairs.append((c, factor * (1 - p[c]) if s.jnpl_weighting else factor))
    return pairs


def hybrid(logits, codes, settings, draws=None, weight=None):
    """Sum of the loss, its value per pixel and the gradient of the sum by central differences.

    Drawn classes are (B, num_draws, H, W), or (M, num_draws) of the noisy pixels in raster order.
    """
    if draws is not None and draws.dim() == 4:
        draws = draws.movedim(1, -1)[codes >= 256]
    codes_list = codes.tolist()
    pixels = torch.zeros(codes.shape, dtype=torch.float64)
    gradient = torch.zeros_like(logits)
    drawn = iter(draws.tolist() if draws is not None else [])
    for b, image in enumerate(codes_list):
        flat = [c for row in image for c in row if c != 255]
        clean_labels = {c for c in flat if c < 256}
        all_labels = {c % 256 for c in flat}
        for h, row in enumerate(image):
            for w, code in enumerate(row):
                if code == 255:
                    continue
                z, y = logits[b, :, h, w].tolist(), code % 256
                if code < 256:

                    def value(v, y=y):
                        return positive(v, y, settings)
                else:
                    drawn_here = next(drawn) if draws is not None else []
                    pairs = negative_factors(z, y, settings, drawn_here, clean_labels, all_labels)

                    def value(v, y=y, pairs=pairs):
                        negative = math.fsum(f * neg_log_complement(v, c) for c, f in pairs)
                        return negative + settings.noisy_positive_weight * positive(v, y, settings)

                factor = 1.0 if weight is None else weight[b, h, w].item()
                pixels[b, h, w] = factor * value(z)
                for k in range(len(z)):
                    up, down = list(z), list(z)
                    up[k] += STEP
                    down[k] -= STEP
                    slope = (value(up) - value(down)) / (2 * STEP)
                    gradient[b, k, h, w] = factor * slope
    return pixels.sum(), pixels, gradient
