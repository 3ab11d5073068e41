"""Time and peak memory of a loss, forward and backward, against mmseg's CrossEntropyLoss.

Two groups, each in one interleaved run: losses on the same full-resolution logits, and losses on
low-resolution logits, where the straightforward way is to upsample first. The data are random
logits and codes with the usual share of noisy (4 %) and ignored (5 %) pixels.

    python tools/benchmarks/loss.py --num-classes 21 81 --size 512 512 --batch-size 2
"""

from __future__ import annotations

import argparse
import gc
import platform
import time
from collections.abc import Callable
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from mmseg_wsss.models.losses import PNHybridLoss, SeedCrossEntropyLoss

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
    parser.add_argument('--stride', type=int, default=4, help='of the low-resolution logits')
    parser.add_argument('--noisy', type=float, default=0.04, help='share of noisy pixels')
    parser.add_argument('--dtype', default='float32', choices=['float32', 'bfloat16', 'float16'])
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--repeats', type=int, default=7, help='the fastest one counts')
    return parser.parse_args(arguments)


def make_codes(shape: tuple[int, int, int], num_classes: int, noisy: float) -> Tensor:
    """Random codes with the given share of noisy and 5 % ignored pixels."""
    label = torch.randint(num_classes, shape)
    codes = label + 256 * (torch.rand(shape) < noisy)
    return codes.masked_fill(torch.rand(shape) < 0.05, 255)


def full_resolution_steps(logits: Tensor, codes: Tensor) -> dict[str, Step]:
    """Losses on the same full-resolution logits; the first one is the reference."""
    label = torch.where(codes > 255, codes - 256, codes)
    cross_entropy = CrossEntropyLoss(avg_non_ignore=True)
    return {
        'mmseg CrossEntropyLoss': lambda: cross_entropy(logits, label, ignore_index=255),
        'SeedCrossEntropyLoss': lambda: SeedCrossEntropyLoss()(logits, codes),
        'PNHybridLoss plain': lambda: PNHybridLoss(implementation='plain')(logits, codes),
        'PNHybridLoss lean': lambda: PNHybridLoss()(logits, codes),
        'PNHybridLoss lean, ce+constraint': lambda: PNHybridLoss('ce+constraint')(logits, codes),
        'PNHybridLoss lean, mean of negatives': lambda: PNHybridLoss(indirect='mean')(
            logits, codes
        ),
    }


def low_resolution_steps(logits: Tensor, codes: Tensor) -> dict[str, Step]:
    """Losses on low-resolution logits; the first one is the reference."""
    label = torch.where(codes > 255, codes - 256, codes)
    cross_entropy = CrossEntropyLoss(avg_non_ignore=True)

    def upsampled() -> Tensor:
        return F.interpolate(logits, codes.shape[1:], mode='bilinear', align_corners=False)

    return {
        'upsample + mmseg CrossEntropyLoss': lambda: cross_entropy(
            upsampled(), label, ignore_index=255
        ),
        'upsample + PNHybridLoss plain': lambda: PNHybridLoss(implementation='plain')(
            upsampled(), codes
        ),
        'upsample + PNHybridLoss lean': lambda: PNHybridLoss()(upsampled(), codes),
        'fused SeedCrossEntropyLoss': lambda: SeedCrossEntropyLoss().fused(logits, codes),
        'fused PNHybridLoss': lambda: PNHybridLoss().fused(logits, codes),
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


def compare(title: str, steps: dict[str, Step], logits: Tensor, repeats: int) -> None:
    """Measure the steps in turns and print a table; ratios are to the first one."""
    best = dict.fromkeys(steps, float('inf'))
    for _ in range(repeats + 1):  # the first round warms up and can only be slower
        for name, step in steps.items():
            best[name] = min(best[name], seconds(step, logits))
    peaks = {name: peak_bytes(step, logits) for name, step in steps.items()}
    reference = next(iter(steps))
    print(f'\n{title}')
    print(f'{"":38s} {"ms":>9s} {"ratio":>6s} {"peak MB":>9s} {"ratio":>6s}')
    for name in steps:
        print(
            f'{name:38s} {best[name] * 1e3:9.1f} {best[name] / best[reference]:6.2f} '
            f'{peaks[name] / 2**20:9.1f} {peaks[name] / peaks[reference]:6.2f}'
        )


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    args = parse_args(arguments)
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    name = torch.cuda.get_device_name() if device.type == 'cuda' else platform.processor()
    (height, width), batch = args.size, args.batch_size
    print(
        f'torch {torch.__version__}, {device.type} {name}, {args.threads} threads, {args.dtype}; '
        f'batch {batch}, {height}x{width}, {args.noisy:.0%} noisy, fastest of {args.repeats}; '
        'peak: all tensors, logits and their gradient included'
    )
    for num_classes in args.num_classes:
        codes = make_codes((batch, height, width), num_classes, args.noisy).to(device)
        for stride, make in ((1, full_resolution_steps), (args.stride, low_resolution_steps)):
            shape = (batch, num_classes, -(-height // stride), -(-width // stride))
            logits = (torch.randn(shape) * 3).to(device, getattr(torch, args.dtype))
            logits.requires_grad_()
            title = f'{num_classes} classes, logits {shape[2]}x{shape[3]}'
            compare(title, make(logits, codes), logits, args.repeats)


if __name__ == '__main__':
    main()
