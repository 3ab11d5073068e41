"""Time of the affinity loss, forward and backward, against the affinities of pairs written out, in
turns in one run; on CUDA its peak memory too.

    python tools/benchmarks/affinity_loss.py --device cpu
"""

from __future__ import annotations

import argparse
import statistics

import torch
from torch import Tensor
from training_step import add_arguments, add_json_argument, machine, now, shape, write_record

from mmseg_wsss.seeds.affinity import affinity_loss
from mmseg_wsss.seeds.neighbours import neighbour_offsets, neighbour_pairs, pair_affinity

STRIDE = 8  # of the feature map


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, size=(256, 256), batch_size=8, repeats=5)
    parser.add_argument('--channels', type=int, default=448, help='of the features')
    parser.add_argument('--radius', type=float, default=5)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    add_json_argument(parser)
    return parser.parse_args(arguments)


def written_out(features: Tensor, radius: float) -> list[Tensor]:
    """The same affinities; autograd keeps all differences."""
    pairs = (neighbour_pairs(features, offset) for offset in neighbour_offsets(radius))
    return [torch.exp(-(here - there).abs().mean(dim=1)) for here, there in pairs]


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    args = parse_args(arguments)
    torch.set_num_threads(args.threads)
    generator = torch.Generator().manual_seed(0)
    size = [-(-side // STRIDE) for side in args.size]
    features = torch.rand(args.batch_size, args.channels, *size, generator=generator)
    features = features.to(args.device).requires_grad_()
    labels = torch.randint(0, 3, (args.batch_size, *size), generator=generator).to(args.device)
    ways = {'ours': pair_affinity, 'written out': written_out}
    times: dict[str, list[float]] = {way: [] for way in ways}
    peaks, gradients = {}, {}
    for round_ in range(args.repeats + 1):
        for way, affinity in ways.items():
            features.grad = None
            if features.is_cuda:
                torch.cuda.reset_peak_memory_stats()
            start = now(args.device)
            terms = affinity_loss(features, labels, args.radius, affinity=affinity)
            sum(terms.values()).backward()
            if round_ > 0:  # the first round warms up
                times[way].append(now(args.device) - start)
            gradients[way] = features.grad
            if features.is_cuda:
                peaks[way] = torch.cuda.max_memory_allocated() / 2**20
    torch.testing.assert_close(*gradients.values())
    print(
        f'{machine(args.device)}, {args.threads} threads; {shape(args)} at stride {STRIDE}, '
        f'{args.channels} channels, radius {args.radius:g}; medians of {args.repeats}'
    )
    results = []
    for way, own in times.items():
        milliseconds = statistics.median(own) * 1e3
        results.append(dict(way=way, milliseconds=milliseconds, peak_mib=peaks.get(way)))
    reference = results[-1]['milliseconds']
    for one in results:
        peak = '' if one['peak_mib'] is None else f'{one["peak_mib"]:9.0f} MiB'
        ratio = one['milliseconds'] / reference
        print(f'{one["way"]:12s} {one["milliseconds"]:9.1f} ms {ratio:6.3f}{peak}')
    write_record(args, results)


if __name__ == '__main__':
    main()
