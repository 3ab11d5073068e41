"""Configs to start from that train in a second."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_bases(folder: Path) -> None:
    """Write the configs of the demo's networks with two steps of training."""
    (folder / 'tiny_cls.py').write_text(
        f'_base_ = {str(ROOT / "configs/demo/cls_resnet_scenes.py")!r}\n'
        'train_cfg = dict(max_epochs=2, val_interval=2)\n'
        'default_hooks = dict(checkpoint=dict(interval=2))\n'
        "seed_generation = dict(scales=(1.0,), background=dict(threshold='auto'))\n"
    )
    (folder / 'tiny_pnl.py').write_text(
        f'_base_ = {str(ROOT / "configs/demo/pnl_deeplabv3plus_resnet_scenes.py")!r}\n'
        'model = dict(backbone=dict(init_cfg=None))\n'
        'train_dataloader = dict(batch_size=2)\n'
        'train_cfg = dict(max_iters=2, val_interval=2)\n'
        'default_hooks = dict(checkpoint=dict(interval=2))\n'
    )
