# Network of both kinds, from the labels of affinity-labels_resnet50-frozen_voc20.py.
_base_ = './affinity-net_resnet50-frozen_voc20.py'
model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    decode_head=dict(in_index=(1, 2, 3)),
    auxiliary_head=dict(type='BoundaryHead', in_channels=(256, 512, 1024, 2048)),
)
