# DeepLabV3+ with ResNet-50 on PASCAL VOC 2012: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/deeplabv3plus_r50.py',
    '../_base_/datasets/voc12_seeds.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/sgd_40k.py',
]
train_dataloader = dict(batch_size=16)
