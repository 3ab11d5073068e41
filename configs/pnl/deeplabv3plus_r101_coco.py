# DeepLabV3+ with ResNet-101 on MS COCO 2014: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/deeplabv3plus_r101.py',
    '../_base_/datasets/coco14_seeds.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/sgd_80k.py',
]
model = dict(
    decode_head=dict(num_classes=81),
    auxiliary_head=dict(num_classes=81),
)
train_dataloader = dict(batch_size=16)
