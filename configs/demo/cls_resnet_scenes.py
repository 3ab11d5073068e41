# The demo's classifier: a thin ResNet at stride 8, from random weights, on tags alone.
_base_ = ['../_base_/cls_runtime.py', './scenes.py']
work_dir = 'demo_output/run/classifier'
randomness = dict(seed=0)

model = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(
        type='mmpretrain.ClsDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
        num_classes=5,
    ),
    backbone=dict(
        type='mmseg.ResNet',
        depth=18,
        base_channels=24,
        stem_channels=24,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        out_indices=(2,),
        norm_cfg=dict(type='BN', requires_grad=True),
    ),
    head=dict(type='ClassActivationHead', num_classes=5, in_channels=96, dropout=0.1),
)
train_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(type='mmpretrain.RandomResizedCrop', scale=128, crop_ratio_range=(0.8, 1.0)),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmpretrain.ColorJitter', brightness=0.3, contrast=0.3, saturation=0.3),
    dict(type='mmpretrain.PackInputs'),
]
test_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(type='mmpretrain.Resize', scale=(128, 128)),
    dict(type='mmpretrain.PackInputs'),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='TagsDataset',
        data_root=_base_.data_root,
        tags_file='tags.csv',
        ann_file='train.txt',
        data_prefix=dict(img_path='images'),
        metainfo=_base_.metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='TagsDataset',
        data_root=_base_.data_root,
        tags_file='tags.csv',
        ann_file='val.txt',
        data_prefix=dict(img_path='images'),
        metainfo=_base_.metainfo,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='mmpretrain.AveragePrecision')
test_evaluator = val_evaluator

epochs = 32
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=10.0)}),
)
param_scheduler = [dict(type='PolyLR', power=0.9, end=epochs, convert_to_iter_based=True)]
train_cfg = dict(by_epoch=True, max_epochs=epochs, val_interval=epochs)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=epochs, max_keep_ckpts=1),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
custom_hooks = [dict(type='MultiSeedCAMHook')]
# The background's score is the one choice that looked at masks: those of the training scenes, for
# the best aggregate among 0.10, 0.15 and 0.20 (the default).
seed_generation = dict(
    out=_base_.seed_root,
    scales=(1.0, 1.5),
    num_draws=1,
    background=dict(threshold=0.1),
    refine='irn',
    num_workers=0,
)
