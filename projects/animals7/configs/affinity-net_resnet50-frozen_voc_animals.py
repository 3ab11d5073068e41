# Affinity network, from the labels of affinity-labels_resnet50-frozen_voc_animals.py.
_base_ = [
    '../../../configs/_base_/models/affinity_resnet50.py',
    '../../../configs/_base_/datasets/voc_animals_seeds.py',
    '../../../configs/_base_/default_runtime.py',
    '../../../configs/_base_/schedules/affinity_600.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        style='caffe',  # where these weights have their strides
        init_cfg=dict(type='Pretrained', checkpoint='weights/resnet50_imagenet_fp16.pth'),
    ),
)
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='LoadSeedAnnotations', noisy='ignore')
train_dataloader = dict(
    dataset=dict(
        seed_root='work_dirs/affinity-labels_resnet50-frozen_voc_animals/seeds',
        pipeline=train_pipeline,
    )
)
optim_wrapper = dict(type='BFloat16OptimWrapper')
# An affinity network predicts no masks.
val_dataloader = None
val_cfg = None
val_evaluator = None
test_dataloader = None
test_cfg = None
test_evaluator = None
