# 2. Affinity network, from the labels of affinity-labels_mobilenetv2_voc_animals.py.
_base_ = [
    '../_base_/models/affinity_mobilenetv2.py',
    '../_base_/datasets/voc_animals_seeds.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/affinity_600.py',
]
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='LoadSeedAnnotations', noisy='ignore')
train_dataloader = dict(
    dataset=dict(
        seed_root='work_dirs/affinity-labels_mobilenetv2_voc_animals/seeds',
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
