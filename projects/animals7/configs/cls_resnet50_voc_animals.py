# Classifier and seeds of Animals-7 on ResNet-50, for one GPU.
_base_ = [
    '../../../configs/_base_/models/cls_resnet50.py',
    '../../../configs/_base_/datasets/voc_animals_tags.py',
    '../../../configs/_base_/seed_generation.py',
    '../../../configs/_base_/cls_runtime.py',
    '../../../configs/_base_/schedules/cls_adamw_6e.py',
]
crop_size = 320
model = dict(
    data_preprocessor=dict(num_classes=6),
    backbone=dict(
        style='caffe',  # where these weights have their strides
        init_cfg=dict(type='Pretrained', checkpoint='weights/resnet50_imagenet_fp16.pth'),
    ),
    head=dict(num_classes=6),
)
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(scale=crop_size)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=crop_size)
test_pipeline[2].update(crop_size=crop_size)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=5e-5))
