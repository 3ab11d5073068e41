# URN's own network (AAAI 2022): cross-entropy weighted per pixel by the seeds' agreement.
_base_ = '../pnl/pspnet_r101_voc.py'
loss = dict(_delete_=True, type='SeedWeightedCrossEntropyLoss', num_seeds=6)
model = dict(
    decode_head=dict(loss_decode=loss),
    auxiliary_head=dict(loss_decode=dict(**loss, loss_weight=0.4)),
)
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(
    type='LoadSeedAnnotations', agreement_threshold='unanimous', noisy='disagreement'
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
