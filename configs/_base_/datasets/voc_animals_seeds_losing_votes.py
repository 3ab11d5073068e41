# Animals-7 with the labels that lost the vote beside the one that won, for losses that read them.
_base_ = './voc_animals_seeds.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(
    type='LoadSeedAnnotations', agreement_threshold=_base_.agreement_threshold, losing_votes=True
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
