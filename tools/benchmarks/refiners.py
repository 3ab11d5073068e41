"""Time the refiners of seeds: the affinity walk against its plain form, and all against the CRF."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mmseg_wsss.seeds.affinity import affinity_walk, random_walk, transition_matrix
from mmseg_wsss.seeds.boundary import boundary_affinity
from mmseg_wsss.seeds.pamr import pamr
from mmseg_wsss.seeds.refine import DenseCRFRefiner, RefinerInput
from mmseg_wsss.utils.image import read_image


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--image', help='a photograph (default: made up)')
    parser.add_argument('--size', type=int, nargs=2, default=(375, 500), metavar=('H', 'W'))
    parser.add_argument('--seeds', type=int, default=6)
    parser.add_argument('--classes', type=int, default=2, help='tags of the image')
    parser.add_argument('--steps', type=int, default=256)
    parser.add_argument('--channels', type=int, default=448, help='of the affinity features')
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--json', help='file of the figures')
    return parser.parse_args()


def make_input(args: argparse.Namespace) -> tuple[np.ndarray, Tensor, Tensor, Tensor]:
    """A photograph, its maps (1, S, P, H, W), affinity features at stride 8, boundaries at 4."""
    rng = np.random.default_rng(0)
    if args.image:
        image = read_image(args.image)
    else:
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        image = np.array(coarse.repeat(args.size[0] // 12 + 1, 0).repeat(args.size[1] // 16 + 1, 1))
        image = np.ascontiguousarray(image[: args.size[0], : args.size[1]])
    height, width = image.shape[:2]
    coarse = torch.rand(1, args.seeds * args.classes, 6, 8, generator=torch.manual_seed(0))
    maps = torch.nn.functional.interpolate(coarse, (height, width), mode='bilinear')
    maps = maps.unflatten(1, (args.seeds, args.classes)).to(args.device)
    features = torch.rand(1, args.channels, -(-height // 8), -(-width // 8)).to(args.device)
    boundaries = torch.rand(1, 1, -(-height // 4), -(-width // 4)).to(args.device)
    return image, maps, features, boundaries


def plain_walk(transition: Tensor, maps: Tensor, steps: int) -> Tensor:
    """One product a step."""
    for _ in range(steps):
        maps = transition @ maps
    return maps


def seconds(function: Callable[[], object], repeats: int, device: str) -> float:
    """Least time of several calls."""
    times = []
    for _ in range(repeats + 1):  # the first warms up
        start = time.perf_counter()
        function()
        if device != 'cpu':
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[1:])


@torch.inference_mode()
def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    image, maps, features, boundaries = make_input(args)
    inputs = RefinerInput([image], [tuple(range(1, args.classes + 1))])
    scores = torch.cat([torch.full_like(maps[:, :, :1], 0.3), maps], dim=2)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].to(args.device)
    transition = transition_matrix(features, 5, 10)
    start = maps.flatten(1, 2)[..., ::8, ::8].flatten(2)[0].T.contiguous()
    start = start[: transition.shape[0]]
    crf = DenseCRFRefiner('irn')
    calls = {
        'walk, Chebyshev': lambda: random_walk(transition, start, args.steps),
        'walk, step by step': lambda: plain_walk(transition, start, args.steps),
        'affinity refiner, walk and all': lambda: affinity_walk(
            features, maps, 5, 10, args.steps, 1
        ),
        'affinity refiner, boundaries': lambda: affinity_walk(
            boundaries, maps, 5, 10, args.steps, 1, boundary_affinity
        ),
        'PAMR, 10 iterations': lambda: pamr(pixels, scores.flatten(1, 2)),
        'dense CRF (irn)': lambda: crf(scores, inputs),
    }
    times = {name: seconds(call, args.repeats, args.device) for name, call in calls.items()}
    machine = (
        torch.cuda.get_device_name() if args.device != 'cpu' else platform.processor() or 'CPU'
    )
    print(
        f'{machine}, torch {torch.__version__}, {torch.get_num_threads()} threads\n'
        f'{image.shape[:2]} pixels, {args.seeds} seeds, {args.classes} tags, {args.steps} steps; '
        f'least of {args.repeats} repeats'
    )
    plain, reference = times['walk, step by step'], times['dense CRF (irn)']
    for name, value in times.items():
        print(f'{name:<32} {1e3 * value:8.1f} ms   x {value / reference:.2f} of the dense CRF')
    print(f'Chebyshev against step by step: x {plain / times["walk, Chebyshev"]:.2f}')
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(dict(device=machine, torch=torch.__version__, seconds=times), file, indent=1)


if __name__ == '__main__':
    main()
