# Cross-entropy on the aggregate, clean and noisy pixels alike.
_base_ = '../pnl/deeplabv3plus_r50_coco.py'
loss = dict(_delete_=True, type='CrossEntropyLoss', avg_non_ignore=True)
model = dict(
    decode_head=dict(loss_decode=loss),
    auxiliary_head=dict(loss_decode=dict(**loss, loss_weight=0.4)),
)
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='LoadSeedAnnotations', agreement_threshold=None)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
