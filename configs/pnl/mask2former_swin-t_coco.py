# Mask2Former with Swin-T on MS COCO 2014: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/mask2former_swin-t.py',
    '../_base_/datasets/coco14_seeds_640.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/mask2former_80k.py',
]
model = dict(decode_head=dict(num_classes=81, loss_cls=dict(class_weight=[1.0] * 81 + [0.1])))
