# Hybrid learning with DeepLab-V2 on ResNet-50, on the seeds of cls_resnet50_voc_animals.py.
_base_ = [
    '../../../configs/_base_/models/deeplabv2_r101.py',
    '../../../configs/_base_/datasets/voc_animals_seeds.py',
    '../../../configs/_base_/default_runtime.py',
    '../../../configs/_base_/schedules/adamw_2k.py',
]
crop_size = (320, 320)
seed_root = 'work_dirs/cls_resnet50_voc_animals/seeds'
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(
        depth=50,
        style='caffe',
        init_cfg=dict(type='Pretrained', checkpoint='weights/resnet50_imagenet_fp16.pth'),
    ),
    decode_head=dict(num_classes=7),
)
train_pipeline = _base_.train_pipeline
train_pipeline[2].update(scale=(1280, 320))
train_pipeline[3].update(crop_size=crop_size)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(1280, 320))
train_dataloader = dict(batch_size=16, dataset=dict(seed_root=seed_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
