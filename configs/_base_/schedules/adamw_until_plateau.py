# Fine-tuning of small networks until the validation stops improving: the learning rate falls where
# two validations in a row are no better, and the training ends where six are not.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-4, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={'decode_head': dict(lr_mult=5.0)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=50),
    dict(
        type='ReduceOnPlateauLR', monitor='mIoU', rule='greater', factor=0.3, patience=1, end=20000
    ),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=20000, val_interval=250)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook', by_epoch=False, interval=250, max_keep_ckpts=1, save_best='mIoU'
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
early_stopping_hook = dict(type='EarlyStoppingHook', monitor='mIoU', rule='greater', patience=6)
