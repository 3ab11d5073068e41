# Mask2Former with Swin-L on PASCAL VOC 2012: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/mask2former_swin-l.py',
    '../_base_/datasets/voc12_seeds_640.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/mask2former_40k.py',
]
