"""The whole chain on generated scenes: ``python tools/demo.py``.

Tags -> classifier -> seeds -> vote -> networks -> scores, with the configs in configs/demo. What is
done is not done again: a finished step leaves its scores in ``demo_output/scores.json``; remove the
folder to start anew.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

import mmseg_wsss  # noqa: F401  # mends the dependency stack before a config is read
from mmseg_wsss.datasets import read_split
from mmseg_wsss.datasets.scenes import SceneSet, write_scenes
from mmseg_wsss.evaluation import score_masks
from mmseg_wsss.seeds import AGGREGATED_FOLDER, SeedManifest, read_mask
from mmseg_wsss.utils.atomic import write_atomic

ROOT = Path(__file__).resolve().parent.parent
OUT = Path('demo_output')  # where the demo's configs read and write
NETWORKS = ('plain', 'hybrid', 'full')
CONFIG_OF = dict(
    plain='plain_deeplabv3plus_resnet_scenes.py',
    hybrid='pnl_deeplabv3plus_resnet_scenes.py',
    full='full_deeplabv3plus_resnet_scenes.py',
)
TITLES = dict(
    plain='network, plain cross-entropy on the aggregate',
    hybrid='network, hybrid learning on the aggregate',
    full='network, true masks (the ceiling)',
)


def seed_scores() -> dict[str, float]:
    """MIoU of each seed and of the aggregate on the training scenes, in percent."""
    manifest = SeedManifest.load(OUT / 'seeds' / 'manifest.json')
    ids = read_split(OUT / 'data' / 'train.txt')
    truths = [read_mask(OUT / 'data' / 'masks' / f'{image_id}.png') for image_id in ids]
    scores = {}
    for name in [*manifest.seed_names, AGGREGATED_FOLDER]:
        masks = (read_mask(OUT / 'seeds' / name / f'{image_id}.png') for image_id in ids)
        pairs = zip(truths, masks, strict=True)
        scores[name] = 100 * score_masks(pairs, len(manifest.classes)).miou
    return scores


def network_score(name: str) -> float:
    """Train a network on its labels; return its mIoU on the validation scenes, in percent."""
    cfg = Config.fromfile(str(ROOT / 'configs' / 'demo' / CONFIG_OF[name]))
    cfg.launcher = 'none'
    cfg.experiment_name = f'demo_{name}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return float(runner.test()['mIoU'])


def once(scores: dict, name: str, make: Callable[[], object]) -> object:
    """Make an entry of the scores unless an earlier run left it, and keep it."""
    if name not in scores:
        print(f'\n== {name} ==', flush=True)
        scores[name] = make()
        write_atomic(OUT / 'scores.json', (json.dumps(scores, indent=1) + '\n').encode())
    return scores[name]


def make_data() -> str:
    """Generate the scenes; return their digest."""
    return write_scenes(OUT / 'data', SceneSet(), lambda: None)


def make_seeds() -> dict[str, float]:
    """Train the classifier, whose hook makes the seeds; return the seeds' scores."""
    cfg = Config.fromfile(str(ROOT / 'configs' / 'demo' / 'cls_resnet_scenes.py'))
    cfg.launcher = 'none'
    cfg.experiment_name = 'demo_classifier'
    Runner.from_cfg(cfg).train()
    return seed_scores()


def main() -> int:
    """Run the demo; return its exit status."""
    path = OUT / 'scores.json'
    if OUT.is_dir() and any(OUT.iterdir()) and not path.is_file():
        print(f'error: {OUT}/ is not of this demo; move or remove it', file=sys.stderr)
        return 1
    os.makedirs(OUT, exist_ok=True)
    scores = json.loads(path.read_text()) if path.is_file() else {}
    once(scores, 'scenes', make_data)
    seeds = once(scores, 'seeds', make_seeds)
    for name in NETWORKS:
        once(scores, name, lambda name=name: network_score(name))
    print('\nmIoU in percent: seeds on the training scenes, networks on unseen scenes')
    for name, value in seeds.items():
        print(f'  {value:6.2f}  {name}' + ('' if name == AGGREGATED_FOLDER else ' (seed)'))
    for name in NETWORKS:
        print(f'  {scores[name]:6.2f}  {TITLES[name]}')
    print(f'  hybrid reaches {100 * scores["hybrid"] / scores["full"]:.1f} % of the ceiling')
    return 0


if __name__ == '__main__':
    sys.exit(main())
