# Cross-entropy, each pixel weighted by the seeds' agreement in the manner of URN (AAAI 2022).
_base_ = '../pnl/deeplabv2_r101_voc.py'
model = dict(
    decode_head=dict(
        loss_decode=dict(_delete_=True, type='SeedWeightedCrossEntropyLoss', num_seeds=6)
    )
)
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(
    type='LoadSeedAnnotations', agreement_threshold='unanimous', noisy='disagreement'
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
