# 2. Affinity network, from the labels of affinity-labels_resnet50_voc.py.
_base_ = [
    '../_base_/models/affinity_resnet50.py',
    '../_base_/datasets/voc12_seeds_448.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/affinity_3k.py',
]
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='LoadSeedAnnotations', noisy='ignore')
train_dataloader = dict(
    dataset=dict(
        seed_root='work_dirs/affinity-labels_resnet50_voc/seeds',
        pipeline=train_pipeline,
    )
)
# An affinity network predicts no masks.
val_dataloader = None
val_cfg = None
val_evaluator = None
test_dataloader = None
test_cfg = None
test_evaluator = None
