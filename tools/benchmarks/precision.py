"""Time of a training step in float32 and bfloat16, in the usual memory layout and channels-last, in
turns in one run: what configs/_base_/speed.py gains on this machine.

Networks, losses and optimizers of this project's configs, with random weights and random images:

    python tools/benchmarks/precision.py --device cpu --threads 1
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from optimizer_groups import CONFIGS, Training
from training_step import add_arguments, add_json_argument, machine, shape, write_record

from mmseg_wsss.utils.quiet import errors_alone

WAYS = {
    'float32': (False, torch.contiguous_format),
    'float32, channels-last': (False, torch.channels_last),
    'bfloat16': (True, torch.contiguous_format),
    'bfloat16, channels-last': (True, torch.channels_last),
}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--configs', nargs='+', default=['pnl/deeplabv2_r101_voc', 'pnl/segformer_b2_voc'],
        help='names below configs',
    )  # fmt: skip
    add_arguments(parser, size=(256, 256), batch_size=4, repeats=3)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    add_json_argument(parser)
    return parser.parse_args(arguments)


def bfloat16_instructions() -> str:
    """Those of the processor, where Linux tells them."""
    path = Path('/proc/cpuinfo')
    words = set(path.read_text().split()) if path.is_file() else set()
    return ', '.join(sorted(words & {'avx512_bf16', 'amx_bf16'})) or 'none known'


@errors_alone()  # mmengine logs the options of every parameter
def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    args = parse_args(arguments)
    torch.set_num_threads(args.threads)
    print(
        f'{machine(args.device)}, {args.threads} threads, instructions for bfloat16: '
        f'{bfloat16_instructions()}; {shape(args)}; medians of {args.repeats}'
    )
    results = []
    for name in args.configs:
        config = Config.fromfile(CONFIGS / f'{name}.py')
        init_default_scope(config.default_scope)
        trainings = {}
        for way, (bf16, layout) in WAYS.items():
            own = argparse.Namespace(**{**vars(args), 'bf16': bf16})
            trainings[way] = Training(config, 'GroupedOptimWrapperConstructor', own)
            trainings[way].model.to(memory_format=layout)
        times: dict[str, list[float]] = {way: [] for way in trainings}
        for round_ in range(args.repeats + 1):
            for way, training in trainings.items():
                seconds = training.step()[0]
                if round_ > 0:  # the first round warms up
                    times[way].append(seconds)
        print(f'\n{name}')
        medians = {way: statistics.median(own) * 1e3 for way, own in times.items()}
        for way, found in medians.items():
            ratio = found / medians['float32']
            print(f'{way:24s} {found:9.1f} ms {ratio:6.3f}')
            results.append(dict(config=name, way=way, milliseconds=found, ratio=ratio))
    write_record(args, results)


if __name__ == '__main__':
    main()
