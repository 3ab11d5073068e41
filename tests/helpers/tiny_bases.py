"""Configs to start from that train in a second."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_bases(folder: Path) -> None:
    """Write configs of the demo's networks and of an affinity network with two steps each."""
    (folder / 'tiny_cls.py').write_text(
        f'_base_ = {str(ROOT / "configs/demo/cls_resnet_scenes.py")!r}\n'
        'train_cfg = dict(max_epochs=2, val_interval=2)\n'
        'default_hooks = dict(checkpoint=dict(interval=2))\n'
        "seed_generation = dict(scales=(1.0,), background=dict(threshold='auto'))\n"
    )
    net = ROOT / 'configs/affinity/affinity-net_mobilenetv2_voc_animals.py'
    (folder / 'tiny_affinity.py').write_text(
        f'_base_ = {str(net)!r}\n'
        'model = dict(data_preprocessor=dict(size=(64, 64)), backbone=dict(init_cfg=None))\n'
        'train_pipeline = _base_.train_pipeline\n'
        'train_pipeline[2].update(scale=(256, 64))\n'
        'train_pipeline[3].update(crop_size=(64, 64))\n'
        'train_dataloader = dict(\n'
        '    batch_size=2, num_workers=0, persistent_workers=False,\n'
        '    dataset=dict(pipeline=train_pipeline),\n'
        ')\n'
        'train_cfg = dict(max_iters=2)\n'
        'default_hooks = dict(checkpoint=dict(interval=2))\n'
    )
    (folder / 'tiny_pnl.py').write_text(
        f'_base_ = {str(ROOT / "configs/demo/pnl_deeplabv3plus_resnet_scenes.py")!r}\n'
        'model = dict(backbone=dict(init_cfg=None))\n'
        'train_dataloader = dict(batch_size=2)\n'
        'train_cfg = dict(max_iters=2, val_interval=2)\n'
        'default_hooks = dict(checkpoint=dict(interval=2))\n'
    )
