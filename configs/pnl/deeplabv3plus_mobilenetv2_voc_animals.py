# Hybrid learning on the seeds of configs/cls/mobilenetv2_voc_animals.py; two CPU cores are enough.
_base_ = [
    '../_base_/models/deeplabv3plus_mobilenetv2.py',
    '../_base_/datasets/voc_animals_seeds.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/adamw_600.py',
]
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='weights/mobilenet_v2_imagenet.pth')),
    decode_head=dict(num_classes=7),
)
