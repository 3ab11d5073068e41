"""Configs of a tiny network: to train it on seeds, and to make pseudo masks with it."""

from __future__ import annotations

from pathlib import Path

from .commands import run_forked

TRAINING_CONFIG = """
custom_imports = dict(imports=['mmseg_wsss.register_all'], allow_failed_imports=False)
default_scope = 'mmseg'
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer')
randomness = dict(seed=0)
metainfo = dict(classes=('background', 'cat', 'dog'), palette=[[0, 0, 0], [9, 0, 0], [0, 9, 0]])
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[127.5] * 3, std=[64.0] * 3, bgr_to_rgb=True,
        size=(24, 32), seg_pad_val=255),
    backbone=dict(
        type='ResNetV1c', depth=18, base_channels=4, stem_channels=4, num_stages=1,
        strides=(1,), dilations=(1,), out_indices=(0,), norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FCNHead', in_channels=4, channels=4, in_index=0, num_convs=1, num_classes=3,
        norm_cfg=dict(type='BN'), loss_decode=dict(type='PNHybridLoss')),
    test_cfg=dict(mode='whole'))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadSeedAnnotations', agreement_threshold=3),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')]
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='FolderSeedDataset', data_root='DATA', seed_root='DATA/seeds', metainfo=metainfo,
        ann_file='train.txt', data_prefix=dict(img_path='images'), pipeline=train_pipeline))
test_dataloader = val_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset', data_root='DATA', metainfo=metainfo, ann_file='train.txt',
        data_prefix=dict(img_path='images', seg_map_path='truth'), pipeline=test_pipeline))
test_evaluator = val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
tta_model = dict(type='MergedTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='Resize', scale_factor=f, keep_ratio=True) for f in (1.0, 1.5)],
        [dict(type='RandomFlip', prob=p, direction='horizontal') for p in (0.0, 1.0)],
        [dict(type='LoadAnnotations')], [dict(type='PackSegInputs')]])]
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'), logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2),
    visualization=dict(type='SegVisualizationHook'))
log_processor = dict(by_epoch=False)
"""


def command(root: Path, name: str, *options: object) -> str:
    """Run a command of ``tools/`` in a fork of this process; give what it printed."""
    run = run_forked([root / 'tools' / name, *options])
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


PSEUDO_MASK_CONFIG = """
custom_imports = dict(imports=['mmseg_wsss.register_all'], allow_failed_imports=False)
default_scope = 'mmseg'
metainfo = dict(classes=('background', 'cat', 'dog'), palette=[[0, 0, 0], [9, 0, 0], [0, 9, 0]])
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[127.5] * 3, std=[64.0] * 3, bgr_to_rgb=True),
    backbone=dict(
        type='ResNetV1c', depth=18, base_channels=4, stem_channels=4, num_stages=1,
        strides=(1,), dilations=(1,), out_indices=(0,), norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FCNHead', in_channels=4, channels=4, in_index=0, num_convs=1, num_classes=3,
        norm_cfg=dict(type='BN')),
    test_cfg=dict(mode='whole'))
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='RandomFlip', prob=p, direction='horizontal') for p in (0.0, 1.0)],
        [dict(type='LoadAnnotations')], [dict(type='PackSegInputs')]])]
train_dataloader = dict(
    dataset=dict(
        type='RepeatDataset', times=2, dataset=dict(
            type='FolderSeedDataset', data_root='DATA', seed_root='DATA/seeds', metainfo=metainfo,
            ann_file='train.txt', data_prefix=dict(img_path='images'), pipeline=[])))
"""
