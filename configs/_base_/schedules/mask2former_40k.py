# Mask2Former's recipe: AdamW, the backbone a tenth as fast, no weight decay on norms and
# embeddings. The longest matching key counts, so the backbone's norms are named at length; 18
# blocks are the most that a stage of Swin has.
backbone_norm = dict(lr_mult=0.1, decay_mult=0.0)
embedding = dict(lr_mult=1.0, decay_mult=0.0)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    clip_grad=dict(max_norm=0.01, norm_type=2),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={
            'backbone': dict(lr_mult=0.1, decay_mult=1.0),
            'backbone.norm': backbone_norm,
            'backbone.patch_embed.norm': backbone_norm,
            'downsample.norm': backbone_norm,
            'relative_position_bias_table': backbone_norm,
            'query_embed': embedding,
            'query_feat': embedding,
            'level_embed': embedding,
            **{f'blocks.{index}.norm': backbone_norm for index in range(18)},
        },
    ),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=40000, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=40000, val_interval=4000)
auto_scale_lr = dict(enable=False, base_batch_size=16)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=4000, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
