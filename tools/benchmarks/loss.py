"""Time and peak memory of a loss, forward and backward, against mmseg's CrossEntropyLoss.

All losses read the same logits, in turns in one run. The data are random logits and codes with the
usual share of noisy (4 %) and ignored (5 %) pixels. On a GPU ``PNHybridLoss`` is the Triton kernel
where Triton is installed; ``--compile`` adds torch.compile of the plain version.

    python tools/benchmarks/loss.py --num-classes 21 81 --size 512 512 --batch-size 2
    python tools/benchmarks/loss.py --device cuda --dtype bfloat16 --channels-last --compile
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from training_step import add_json_argument, machine, write_record

from mmseg_wsss.models.losses import (
    HybridSettings,
    PixelLabels,
    PNHybridLoss,
    SeedCrossEntropyLoss,
    SeedPixelLoss,
    pn_hybrid_pixel_loss,
)

from mmseg.models.losses import CrossEntropyLoss  # isort: skip

Step = Callable[[], Tensor]


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--num-classes', type=int, nargs='+', default=[21, 81])
    parser.add_argument('--size', type=int, nargs=2, default=[512, 512], metavar=('H', 'W'))
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument('--noisy', type=float, default=0.04, help='share of noisy pixels')
    parser.add_argument('--dtype', default='float32', choices=['float32', 'bfloat16', 'float16'])
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--channels-last', action='store_true')
    parser.add_argument(
        '--compile', action='store_true', help='time torch.compile of the plain version too'
    )
    parser.add_argument('--repeats', type=int, default=7, help='the fastest one counts')
    add_json_argument(parser)
    return parser.parse_args(arguments)


def make_codes(shape: tuple[int, int, int], num_classes: int, noisy: float) -> Tensor:
    """Random codes with the given share of noisy and 5 % ignored pixels; one loser where noisy."""
    label = torch.randint(num_classes, shape)
    loser = (label + 1) % num_classes
    codes = label + (256 + ((loser + 1) << 16)) * (torch.rand(shape) < noisy)
    return codes.masked_fill(torch.rand(shape) < 0.05, 255)


class WithoutKernel(PNHybridLoss):
    """The loss as it is where Triton is not installed."""

    _evaluate = SeedPixelLoss._evaluate


def make_steps(logits: Tensor, codes: Tensor, compiled: bool) -> dict[str, Step]:
    """Losses on the same logits; the first one is the reference."""
    label = codes & 255
    labels = PixelLabels.from_codes(codes, logits.shape[1])
    plain_settings = HybridSettings(indirect='mean')
    losses = {
        'SeedCrossEntropyLoss': SeedCrossEntropyLoss(),
        'PNHybridLoss': PNHybridLoss(),
        'PNHybridLoss, ce+constraint': PNHybridLoss('ce+constraint'),
        'PNHybridLoss, mean of negatives': PNHybridLoss(indirect='mean'),
    }
    losses['PNHybridLoss, losing votes'] = PNHybridLoss(direct='losers', noisy_set_weight=1.0)
    losses['PNHybridLoss, tags'] = on_tags = PNHybridLoss(tag_set_weight=1.0)
    on_tags.tags = torch.zeros(len(codes), 256, dtype=torch.bool, device=codes.device)
    on_tags.tags[:, :3] = True  # the background and two tags
    if logits.is_cuda:
        losses['PNHybridLoss, chunked loop'] = WithoutKernel()
    if compiled:
        losses['PNHybridLoss, plain, compiled'] = torch.compile(WithoutKernel(), dynamic=False)
    cross_entropy = CrossEntropyLoss(avg_non_ignore=True)

    def plain() -> Tensor:
        label, clean, noisy = labels.label, labels.clean, labels.noisy
        return pn_hybrid_pixel_loss(logits, label, clean, noisy, plain_settings).mean()

    return {
        'mmseg CrossEntropyLoss': lambda: cross_entropy(logits, label, ignore_index=255),
        **{name: partial(loss, logits, codes) for name, loss in losses.items()},
        'plain reference, mean of negatives': plain,
    }


def seconds(step: Step, logits: Tensor) -> float:
    """Wall time of one forward and backward pass."""
    logits.grad = None
    if logits.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    step().backward()
    if logits.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak_bytes(step: Step, logits: Tensor) -> int:
    """Peak of the tensors alive in one pass, the logits counted in."""
    logits.grad = None
    gc.collect()
    own = logits.numel() * logits.element_size()
    if logits.is_cuda:
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step().backward()
        return torch.cuda.max_memory_allocated() - before + own
    # The process's resident memory depends on what the C library keeps for itself; the record of
    # torch's allocator is exact.
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as record:
        step().backward()
    events = [e for e in record.profiler.kineto_results.events() if e.name() == '[memory]']
    alive = accumulate(e.nbytes() for e in sorted(events, key=lambda e: e.start_ns()))
    return max(alive) + own


def compare(title: str, steps: dict[str, Step], logits: Tensor, repeats: int) -> list[dict]:
    """Measure the steps in turns and print a table; ratios are to the first one."""
    best = dict.fromkeys(steps, float('inf'))
    for _ in range(repeats + 1):  # the first round warms up and can only be slower
        for name, step in steps.items():
            best[name] = min(best[name], seconds(step, logits))
    peaks = {name: peak_bytes(step, logits) for name, step in steps.items()}
    reference = next(iter(steps))
    results = [
        dict(
            num_classes=logits.shape[1],
            loss=name,
            milliseconds=best[name] * 1e3,
            ratio=best[name] / best[reference],
            peak_mebibytes=peaks[name] / 2**20,
            peak_ratio=peaks[name] / peaks[reference],
        )
        for name in steps
    ]
    print(f'\n{title}\n{"":38s} {"ms":>9s} {"ratio":>6s} {"peak MiB":>9s} {"ratio":>6s}')
    for row in results:
        print(
            f'{row["loss"]:38s} {row["milliseconds"]:9.1f} {row["ratio"]:6.2f} '
            f'{row["peak_mebibytes"]:9.1f} {row["peak_ratio"]:6.2f}'
        )
    return results


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    args = parse_args(arguments)
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    height, width = args.size
    print(
        f'{machine(args.device)}, {args.threads} threads, {args.dtype}'
        f'{", channels-last" if args.channels_last else ""}; batch {args.batch_size}, '
        f'{height}x{width}, {args.noisy:.0%} noisy, fastest of {args.repeats}; '
        'peak: all tensors, logits and their gradient included'
    )
    results = []
    for num_classes in args.num_classes:
        codes = make_codes((args.batch_size, height, width), num_classes, args.noisy)
        logits = torch.randn(args.batch_size, num_classes, height, width) * 3
        logits = logits.to(args.device, getattr(torch, args.dtype))
        if args.channels_last:
            logits = logits.contiguous(memory_format=torch.channels_last)
        steps = make_steps(logits.requires_grad_(), codes.to(args.device), args.compile)
        results += compare(f'{num_classes} classes', steps, logits, args.repeats)
    write_record(args, results)


if __name__ == '__main__':
    main()
