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
    dict(direct='losers', direct_gate='all'),
    dict(direct='losers', direct_gate='low_confidence', indirect='mean', jnpl_weighting=True),
    dict(direct='losers', direct_gate='untagged', indirect='unvoted'),
    dict(direct='losers', direct_gate='untagged', num_draws=3, jnpl_weighting=True,
         noisy_set_weight=0.5),
    dict(noisy_set_weight=0.8, direct_weight=0.0, indirect_weight=0.0),
    dict(tag_set_weight=0.9, positive='ce'),
    dict(tag_set_weight=0.9, noisy_set_weight=0.8, direct='losers', direct_gate='all',
         positive='ce+constraint', indirect='mean', noisy_positive_weight=0.3),
]  # fmt: skip
TAGS = [[1, 3], [4]]  # of the two images
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


def with_losing_votes(codes, num_classes=5, seed=0):
    """Up to four losers at every second pixel, clean and ignored ones too, none of them the label.

    ``code + sum_i (loser_i + 1) << (16 + 8 i)``; a class may lose that is nobody's label.
    """
    generator = torch.Generator().manual_seed(seed)
    lists = torch.rand(*codes.shape, num_classes, generator=generator).argsort(-1)[..., :4]
    number = torch.randint(-4, 5, codes.shape, generator=generator)
    for i in range(lists.shape[-1]):
        loser = lists[..., i]
        present = (loser != codes % 256) & (i < number)
        codes = codes + torch.where(present, (loser + 1) << (16 + 8 * i), 0)
    return codes


def losers_of(code):
    """The losers in a code, whose fields may have gaps."""
    fields = [(code >> (16 + 8 * i)) % 256 for i in range(5)]
    return [field - 1 for field in fields if field]


def loser_map(codes):
    """The losers as the loss's functions take them, (B, 5, H, W) uint8."""
    rows = [[losers_of(c) + [255] * (5 - len(losers_of(c))) for c in r] for r in codes.flatten(1)]
    return torch.tensor(rows, dtype=torch.uint8).mT.reshape(len(codes), 5, *codes.shape[1:])


def tag_map(shape, num_classes, tags=TAGS):
    """The tags as the loss's functions take them, (B, K, H, W) bool."""
    allowed = torch.zeros(len(tags), num_classes, dtype=torch.bool)
    for row, own in zip(allowed, tags, strict=True):
        row[[0, *(tag for tag in own if tag < num_classes)]] = True
    return allowed[:, :, None, None].expand(-1, -1, *shape)


def give_tags(loss, tags=TAGS):
    """Hand a loss the tags of its images, as TagsToLossHook does."""
    loss.tags = tag_map((1, 1), 256, tags)[:, :, 0, 0]
    return loss


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


def set_positive(z, members):
    """-log of the probability of any of the members."""
    return log_sum(z) - log_sum([z[k] for k in set(members)])


def negative_factors(z, y, losers, s, drawn, clean_labels, all_labels):
    """(class, factor) pairs of a noisy pixel: constants, as gate and JNPL weighting are."""
    p, num_classes = softmax(z), len(z)
    wrong = {
        'all': lambda k: True,
        'low_confidence': lambda k: p[k] < 1 / num_classes,
        'untagged': lambda k: k not in clean_labels,
    }[s.direct_gate]
    judged = [y] if s.direct == 'assigned' else losers
    pairs = [(k, s.direct_weight) for k in judged if wrong(k)]
    classes = {
        'draws': drawn,
        'mean': [k for k in range(num_classes) if k != y],
        'unvoted': [k for k in range(num_classes) if k not in all_labels],
    }[s.indirect]
    for c in classes:
        factor = s.indirect_weight / len(classes)
        pairs.append((c, factor * (1 - p[c]) if s.jnpl_weighting else factor))
    return pairs


def hybrid(logits, codes, settings, draws=None, weight=None, tags=TAGS):
    """Sum of the loss, its value per pixel and the gradient of the sum by central differences.

    Drawn classes are (B, num_draws, H, W), or (M, num_draws) of the noisy pixels in raster order.
    """
    if draws is not None and draws.dim() == 4:
        draws = draws.movedim(1, -1)[codes % 65536 >= 256]
    codes_list = codes.tolist()
    pixels = torch.zeros(codes.shape, dtype=torch.float64)
    gradient = torch.zeros_like(logits)
    drawn = iter(draws.tolist() if draws is not None else [])
    for b, image in enumerate(codes_list):
        flat = [c % 65536 for row in image for c in row if c % 65536 != 255]
        clean_labels = {c for c in flat if c < 256}
        all_labels = {c % 256 for c in flat}
        for h, row in enumerate(image):
            for w, code in enumerate(row):
                losers, code = losers_of(code), code % 65536
                if code == 255:
                    continue
                z, y = logits[b, :, h, w].tolist(), code % 256
                pairs, w_positive, w_set = [], 1.0, 0.0
                if code >= 256:
                    drawn_here = next(drawn) if draws is not None else []
                    pairs = negative_factors(
                        z, y, losers, settings, drawn_here, clean_labels, all_labels
                    )
                    w_positive, w_set = settings.noisy_positive_weight, settings.noisy_set_weight
                terms = (pairs, w_positive, w_set, [y, *losers], [0, *tags[b]])

                def value(v, y=y, terms=terms):
                    pairs, w_positive, w_set, voted, tagged = terms
                    return (
                        w_positive * positive(v, y, settings)
                        + math.fsum(f * neg_log_complement(v, c) for c, f in pairs)
                        + w_set * set_positive(v, voted)
                        + settings.tag_set_weight * set_positive(v, tagged)
                    )

                factor = 1.0 if weight is None else weight[b, h, w].item()
                pixels[b, h, w] = factor * value(z)
                for k in range(len(z)):
                    up, down = list(z), list(z)
                    up[k] += STEP
                    down[k] -= STEP
                    slope = (value(up) - value(down)) / (2 * STEP)
                    gradient[b, k, h, w] = factor * slope
    return pixels.sum(), pixels, gradient
