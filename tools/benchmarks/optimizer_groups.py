"""Time of a training step with mmengine's parameter groups, one for each parameter, and with one
group for each learning rate and weight decay (GroupedOptimWrapperConstructor), in turns in one run.

Networks, losses and optimizers of this project's configs, with random weights and random images:

    python tools/benchmarks/optimizer_groups.py --configs pnl/segformer_b2_voc
"""

from __future__ import annotations

import argparse
import copy
import statistics
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from training_step import (
    add_arguments,
    add_bf16_argument,
    forward_backward,
    machine,
    now,
    precision,
    shape,
)

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.utils.quiet import errors_alone

from mmseg.registry import MODELS  # isort: skip
from mmseg.structures import SegDataSample  # isort: skip

CONFIGS = Path(__file__).parents[2] / 'configs'
CONSTRUCTORS = {
    "mmengine's": 'DefaultOptimWrapperConstructor',
    'grouped': 'GroupedOptimWrapperConstructor',
}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--configs', nargs='+', default=['pnl/deeplabv3plus_mobilenetv2_voc_animals'],
        help='names below configs',
    )  # fmt: skip
    add_arguments(parser, size=(256, 256), batch_size=8, repeats=30)
    add_bf16_argument(parser)
    return parser.parse_args(arguments)


class Training:
    """A network with an optimizer, and a batch of random images and labels.

    Args:
        config (Config): Of the network.
        constructor (str): Makes the optimizer.
        args (argparse.Namespace): The command line.
    """

    def __init__(self, config: Config, constructor: str, args: argparse.Namespace) -> None:
        model = copy.deepcopy(config.model)
        model.backbone.init_cfg = None
        torch.manual_seed(0)
        self.model = revert_sync_batchnorm(MODELS.build(model)).train().to(args.device)
        # Without mixed precision of its own: the step below does that, on a CPU as well.
        wrapper = dict(type='OptimWrapper', constructor=constructor)
        for key in ('optimizer', 'paramwise_cfg'):
            if key in config.optim_wrapper:
                wrapper[key] = copy.deepcopy(config.optim_wrapper[key])
        self.optimizer = build_optim_wrapper(self.model, wrapper).optimizer
        self.images = torch.randn(args.batch_size, 3, *args.size, device=args.device)
        classes = model.decode_head.num_classes
        labels = torch.randint(classes, (args.batch_size, 1, *args.size), device=args.device)
        self.samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
        self.args = args

    def step(self) -> tuple[float, float]:
        """Seconds of a whole step, and of the optimizer in it."""
        start = now(self.args.device)
        forward_backward(self.model, self.images, self.samples, self.args.bf16)
        middle = now(self.args.device)
        self.optimizer.step()
        self.optimizer.zero_grad()
        end = now(self.args.device)
        return end - start, end - middle


@errors_alone()  # mmengine logs the options of every parameter
def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    args = parse_args(arguments)
    print(f'{machine(args.device)}; {shape(args)}, {precision(args)}; medians of {args.repeats}')
    for name in args.configs:
        config = Config.fromfile(CONFIGS / f'{name}.py')
        init_default_scope(config.default_scope)
        trainings = {key: Training(config, value, args) for key, value in CONSTRUCTORS.items()}
        times: dict[str, list[tuple[float, float]]] = {key: [] for key in trainings}
        for round_ in range(args.repeats + 3):
            for key, training in trainings.items():
                seconds = training.step()
                if round_ >= 3:  # the first rounds warm up
                    times[key].append(seconds)
        print(f'\n{name}')
        print(f'{"":12s} {"groups":>6s} {"optimizer ms":>12s} {"step ms":>8s} {"ratio":>6s}')
        medians = {
            key: [statistics.median(column) * 1e3 for column in zip(*own, strict=True)]
            for key, own in times.items()
        }
        reference = next(iter(medians.values()))[0]
        for key, (step, optimizer) in medians.items():
            groups = len(trainings[key].optimizer.param_groups)
            print(f'{key:12s} {groups:6d} {optimizer:12.2f} {step:8.2f} {step / reference:6.3f}')


if __name__ == '__main__':
    main()
