"""The whole chain on generated scenes: ``python demo/demo.py``.

Tags -> classifier -> seeds -> vote -> networks -> scores, with the configs in configs/demo. What is
done is not done again: a finished step leaves its scores in ``demo_output/scores.json``; remove the
folder to start anew.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from demo_report import NETWORKS, score_rows, share_of_supervised, write_report
from mmengine.config import Config
from mmengine.runner import Runner
from scenes import SceneSet, write_scenes

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.datasets import read_split
from mmseg_wsss.evaluation import score_masks
from mmseg_wsss.store import AGGREGATED_FOLDER, SeedManifest, read_mask
from mmseg_wsss.utils.atomic import write_atomic

ROOT = Path(__file__).resolve().parent.parent
OUT = Path('demo_output')  # where the demo's configs read and write
CONFIG_OF = dict(
    classifier='cls_resnet_scenes.py',
    plain='plain_deeplabv3plus_resnet_scenes.py',
    hybrid='pnl_deeplabv3plus_resnet_scenes.py',
    full='full_deeplabv3plus_resnet_scenes.py',
)


def read_config(name: str, quick: bool) -> Config:
    """Read the config of a step.

    Args:
        name (str): Key of ``CONFIG_OF``.
        quick (bool): Whether to train only a few steps.

    Returns:
        Config: For a Runner.
    """
    cfg = Config.fromfile(str(ROOT / 'configs' / 'demo' / CONFIG_OF[name]))
    cfg.launcher = 'none'
    cfg.experiment_name = f'demo_{name}'
    # The test after the training says the same.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if quick and name == 'classifier':
        cfg.train_cfg.max_epochs = cfg.default_hooks.checkpoint.interval = 1
    elif quick:
        cfg.train_cfg.max_iters = cfg.default_hooks.checkpoint.interval = 2
        cfg.model.backbone.init_cfg.checkpoint = str(OUT / 'classifier' / 'epoch_1.pth')
    return cfg


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


def make_scenes(quick: bool) -> str:
    """Generate the scenes; return their digest."""
    return write_scenes(OUT / 'data', SceneSet(16, 6) if quick else SceneSet())


def make_seeds(quick: bool) -> dict[str, float]:
    """Train the classifier, whose hook makes the seeds; return the seeds' scores."""
    Runner.from_cfg(read_config('classifier', quick)).train()
    return seed_scores()


def network_score(name: str, quick: bool) -> float:
    """Train a network on its labels; return its mIoU on unseen scenes, in percent."""
    cfg = read_config(name, quick)
    cfg.test_evaluator.output_dir = str(OUT / name / 'masks')
    runner = Runner.from_cfg(cfg)
    runner.train()
    return float(runner.test()['mIoU'])


def once(scores: dict, name: str, make: Callable[[], object]) -> None:
    """Make an entry of the scores unless an earlier run left it, and keep it."""
    if name in scores:
        return
    print(f'\n== {name} ==', flush=True)
    started = time.monotonic()
    scores[name] = make()
    scores['seconds'][name] = round(time.monotonic() - started, 1)
    write_atomic(OUT / 'scores.json', (json.dumps(scores, indent=1) + '\n').encode())


def read_scores(quick: bool) -> dict:
    """Read what an earlier run has finished.

    Raises:
        ValueError: If the folder is not of such a run.
    """
    path = OUT / 'scores.json'
    if not path.is_file():
        if OUT.is_dir() and any(OUT.iterdir()) and not (OUT / 'data').is_dir():
            raise ValueError(f'{OUT}/ is not of this demo; move or remove it')
        return dict(quick=quick, seconds={})
    scores = json.loads(path.read_text())
    if scores.get('quick') != quick:
        kind = 'whole' if quick else 'quick'
        raise ValueError(f'{OUT}/ is of a {kind} run; move or remove it')
    return scores


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return its exit status."""
    parser = argparse.ArgumentParser(description='The whole chain on generated scenes.')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='a few scenes and training steps: shows the steps, its scores mean nothing',
    )
    quick = parser.parse_args(arguments).quick
    try:
        scores = read_scores(quick)
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    os.makedirs(OUT, exist_ok=True)
    once(scores, 'scenes', lambda: make_scenes(quick))
    once(scores, 'seeds', lambda: make_seeds(quick))
    for name in NETWORKS:
        once(scores, name, lambda name=name: network_score(name, quick))
    page = write_report(OUT, read_config('classifier', quick), scores)
    print('\nmIoU in percent: seeds on the training scenes, networks on unseen scenes')
    for title, scenes, value in score_rows(scores):
        print(f'  {value:6.2f}  {title} ({scenes})')
    print(f'Hybrid learning: {share_of_supervised(scores):.1f} % of the fully supervised network.')
    print(f'Computed in {sum(scores["seconds"].values()):.0f} s. Open {page}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
