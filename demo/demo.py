"""The whole chain on generated scenes: ``python demo/demo.py``.

Tags -> classifier -> seeds -> vote -> network -> scores, by the steps of ``tools/run.py`` with the
configs in configs/demo, and two networks to compare with. What is done is not done again: a
finished step leaves its scores in ``demo_output/scores.json``; remove the folder to start anew.
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
from scenes import CLASSES, SceneSet, write_scenes

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis.run_options import RunOptions
from mmseg_wsss.apis.run_photographs import PhotographRun
from mmseg_wsss.apis.run_steps import StepError
from mmseg_wsss.datasets import read_split
from mmseg_wsss.engine import WSSSRunner
from mmseg_wsss.evaluation import score_masks
from mmseg_wsss.store import AGGREGATED_FOLDER, SeedManifest, read_mask
from mmseg_wsss.utils.atomic import write_atomic

ROOT = Path(__file__).resolve().parent.parent
OUT = Path('demo_output')  # where the demo's configs read and write
RUN = OUT / 'run'
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
    if name == 'classifier':
        if quick:
            cfg.train_cfg.update(max_epochs=1, val_interval=1)
            cfg.default_hooks.checkpoint.interval = 1
        return cfg
    if quick:
        cfg.train_cfg.update(max_iters=2, val_interval=2)
        cfg.default_hooks.checkpoint.interval = 2
        cfg.model.backbone.init_cfg.checkpoint = str(RUN / 'classifier' / 'epoch_1.pth')
    return cfg


def seed_scores() -> dict[str, float]:
    """MIoU of each seed and of the aggregate on the training scenes, in percent."""
    manifest = SeedManifest.load(RUN / 'seeds' / 'manifest.json')
    ids = read_split(OUT / 'data' / 'train.txt')
    truths = [read_mask(OUT / 'data' / 'masks' / f'{image_id}.png') for image_id in ids]
    scores = {}
    for name in [*manifest.seed_names, AGGREGATED_FOLDER]:
        masks = (read_mask(RUN / 'seeds' / name / f'{image_id}.png') for image_id in ids)
        pairs = zip(truths, masks, strict=True)
        scores[name] = 100 * score_masks(pairs, len(manifest.classes)).miou
    return scores


def make_scenes(quick: bool) -> str:
    """Generate the scenes; return their digest."""
    return write_scenes(OUT / 'data', SceneSet(16, 6) if quick else SceneSet())


def run_steps(quick: bool) -> float:
    """Go from scenes and tags to a network; return its mIoU on unseen scenes, in percent.

    Raises:
        StepError: If a step fails.
    """
    bases = OUT / 'bases'
    bases.mkdir(exist_ok=True)
    for name in ('classifier', 'hybrid'):
        write_atomic(bases / f'{name}.py', read_config(name, quick).pretty_text.encode())
    options = RunOptions(
        photos=str(OUT / 'data' / 'images'),
        tags=[str(OUT / 'data' / 'tags.csv')],
        out=str(RUN),
        tools=ROOT / 'tools',
        masks=str(OUT / 'data' / 'masks'),
        val_list=str(OUT / 'data' / 'val.txt'),
        classes=CLASSES[1:],
        cls_base=str(bases / 'classifier.py'),
        pnl_base=str(bases / 'hybrid.py'),
        force=quick,  # which learns nothing
    )
    PhotographRun(options).run()
    return mask_score(RUN / 'test' / 'masks')


def mask_score(folder: Path) -> float:
    """MIoU of masks of the unseen scenes, in percent."""
    ids = read_split(OUT / 'data' / 'val.txt')
    folders = (OUT / 'data' / 'masks', folder)
    pairs = (tuple(read_mask(one / f'{image_id}.png') for one in folders) for image_id in ids)
    return 100 * score_masks(pairs, len(CLASSES)).miou


def network_score(name: str, quick: bool) -> float:
    """Train a network on its labels; return its mIoU on unseen scenes, in percent."""
    cfg = read_config(name, quick)
    # The test after the training says the same.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_evaluator.output_dir = str(OUT / name / 'masks')
    runner = WSSSRunner.from_cfg(cfg)
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
    try:
        once(scores, 'hybrid', lambda: run_steps(quick))
    except StepError as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    once(scores, 'seeds', seed_scores)
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
