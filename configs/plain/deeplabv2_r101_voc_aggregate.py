# Cross-entropy on the aggregate, clean and noisy pixels alike.
_base_ = '../pnl/deeplabv2_r101_voc.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss', avg_non_ignore=True))
)
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='LoadSeedAnnotations', agreement_threshold=None)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
