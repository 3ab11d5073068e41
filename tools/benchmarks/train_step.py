"""Time of a whole training step (forward, backward, optimizer) with each loss, in turns in one run.

Networks from this project's configs, with random weights: SegFormer-B2 and DeepLab-V2 by default.

    python tools/benchmarks/train_step.py --configs segformer_b2_voc deeplabv2_r101_voc
"""

from __future__ import annotations

import argparse
import copy
import statistics
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from torch import nn
from training_step import (
    add_arguments,
    add_bf16_argument,
    add_json_argument,
    forward_backward,
    machine,
    now,
    precision,
    shape,
    write_record,
)

import mmseg_wsss.register_all  # noqa: F401  # before a config is read

from mmseg.registry import MODELS  # isort: skip
from mmseg.structures import SegDataSample  # isort: skip

CONFIGS = Path(__file__).parents[2] / 'configs' / 'pnl'
# The first one is the reference.
LOSSES = {
    'CrossEntropyLoss': dict(type='CrossEntropyLoss', avg_non_ignore=True),
    'SeedCrossEntropyLoss': dict(type='SeedCrossEntropyLoss'),
    'PNHybridLoss': dict(type='PNHybridLoss'),
}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--configs', nargs='+', default=['segformer_b2_voc', 'deeplabv2_r101_voc'],
        help='names in configs/pnl',
    )  # fmt: skip
    add_arguments(parser, size=(512, 512), batch_size=2, repeats=5)
    add_bf16_argument(parser)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--channels-last', action='store_true')
    add_json_argument(parser)
    return parser.parse_args(arguments)


def build(config: Config, loss: dict, device: str) -> nn.Module:
    """The config's network with another loss in every head, from random weights."""
    model = copy.deepcopy(config.model)
    model.backbone.init_cfg = None
    heads = model.get('auxiliary_head') or []
    heads = list(heads) if isinstance(heads, (list, tuple)) else [heads]
    for head in [model.decode_head, *heads]:
        weight = head.loss_decode.get('loss_weight', 1.0)
        head.loss_decode = dict(loss, loss_weight=weight)
    torch.manual_seed(0)
    return revert_sync_batchnorm(MODELS.build(model)).train().to(device)


def make_batch(size: tuple[int, int], batch: int, noisy: bool, device: str) -> tuple:
    """Images and labels, the same for all losses; cross-entropy gets them without the flag."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, *size, generator=generator)
    label = torch.randint(21, (batch, 1, *size), generator=generator)
    flag = torch.rand(label.shape, generator=generator) < 0.04
    label = (label + 256 * flag) if noisy else label
    label[torch.rand(label.shape, generator=generator) < 0.05] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x.to(device))) for x in label]
    return images.to(device), samples


class Step:
    """A network, its optimizer and a batch."""

    def __init__(self, name: str, config: Config, args: argparse.Namespace) -> None:
        loss = LOSSES[name]
        self.model = build(config, loss, args.device)
        self.images, self.samples = make_batch(
            args.size, args.batch_size, loss['type'] != 'CrossEntropyLoss', args.device
        )
        if args.channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-6)
        self.args = args

    def seconds(self) -> float:
        """Wall time of one step."""
        start = now(self.args.device)
        forward_backward(self.model, self.images, self.samples, self.args.bf16)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return now(self.args.device) - start


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    args = parse_args(arguments)
    torch.set_num_threads(args.threads)
    print(
        f'{machine(args.device)}, {args.threads} threads; {shape(args)}, {precision(args)}'
        f'{", channels-last" if args.channels_last else ""}; fastest of {args.repeats}, and the '
        'median of the ratios within a round'
    )
    results = []
    for config_name in args.configs:
        config = Config.fromfile(CONFIGS / f'{config_name}.py')
        init_default_scope(config.default_scope)
        steps = {name: Step(name, config, args) for name in LOSSES}
        times: dict[str, list[float]] = {name: [] for name in steps}
        for round_ in range(args.repeats + 1):
            for name, step in steps.items():
                seconds = step.seconds()
                if round_:  # the first round warms up
                    times[name].append(seconds)
        reference = times[next(iter(times))]
        print(f'\n{config_name}')
        print(f'{"":28s} {"ms":>9s} {"ratio":>6s} {"median ratio":>13s}')
        for name, own in times.items():
            ratio = min(own) / min(reference)
            median = statistics.median(a / b for a, b in zip(own, reference, strict=True))
            print(f'{name:28s} {min(own) * 1e3:9.1f} {ratio:6.3f} {median:13.3f}')
            results.append(
                dict(
                    config=config_name,
                    loss=name,
                    milliseconds=min(own) * 1e3,
                    ratio=ratio,
                    median_ratio=median,
                )
            )
    write_record(args, results)


if __name__ == '__main__':
    main()
