# DeepLab-V2 with ResNet-101 on PASCAL VOC 2012: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/deeplabv2_r101.py',
    '../_base_/datasets/voc12_seeds_448.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/deeplab_20k.py',
]
