"""Command line, clock, forward-backward pass and record that benchmarks of training share."""

from __future__ import annotations

import argparse
import json
import platform
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn


def add_arguments(
    parser: argparse.ArgumentParser, size: tuple[int, int], batch_size: int, repeats: int
) -> None:
    """Options of all of them, with these defaults."""
    parser.add_argument('--size', type=int, nargs=2, default=size, metavar=('H', 'W'))
    parser.add_argument('--batch-size', type=int, default=batch_size)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--repeats', type=int, default=repeats)


def add_bf16_argument(parser: argparse.ArgumentParser) -> None:
    """Option of those that measure one precision."""
    parser.add_argument('--bf16', action='store_true', help='autocast to bfloat16')


def machine(device: str) -> str:
    """What is measured on."""
    kind = torch.device(device).type
    name = torch.cuda.get_device_name() if kind == 'cuda' else platform.processor()
    return f'torch {torch.__version__}, {kind} {name}'


def write_record(args: argparse.Namespace, results: list[dict]) -> None:
    """Write machine, options and results to ``args.json``, if given."""
    if args.json is None:
        return
    record = dict(
        machine=machine(args.device),
        python=platform.python_version(),
        torch=torch.__version__,
        date=time.strftime('%Y-%m-%d'),
        options={name: value for name, value in vars(args).items() if name != 'json'},
        results=results,
    )
    args.json.write_text(json.dumps(record, indent=2) + '\n')


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Option for the file that :func:`write_record` writes."""
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures to this file')


def shape(args: argparse.Namespace) -> str:
    """What is measured."""
    return f'batch {args.batch_size}, {args.size[0]}x{args.size[1]}'


def precision(args: argparse.Namespace) -> str:
    """In which one."""
    return 'bfloat16' if args.bf16 else 'float32'


def now(device: str) -> float:
    """Seconds, after all that was begun on the device is done."""
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter()


def forward_backward(model: nn.Module, images: Tensor, samples: list, bf16: bool) -> None:
    """Compute a segmentor's losses and their gradient."""
    context = torch.autocast(images.device.type, dtype=torch.bfloat16) if bf16 else nullcontext()
    with context:
        losses = model.loss(images, samples)
    sum(value for name, value in losses.items() if '.loss' in name).backward()
