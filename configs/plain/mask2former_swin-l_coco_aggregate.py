# The set loss alone on the aggregate, clean and noisy pixels alike.
_base_ = '../pnl/mask2former_swin-l_coco.py'
model = dict(decode_head=dict(loss_decode=None))
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='LoadSeedAnnotations', agreement_threshold=None)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
