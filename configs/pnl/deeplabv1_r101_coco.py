# DeepLab-V1 with ResNet-101 on MS COCO 2014: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/deeplabv1_r101.py',
    '../_base_/datasets/coco14_seeds_321.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/deeplab_50k.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=81),
)
