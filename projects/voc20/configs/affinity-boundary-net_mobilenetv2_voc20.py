# Network of both kinds, from the labels of affinity-labels_mobilenetv2_voc20.py.
_base_ = './affinity-net_mobilenetv2_voc20.py'
model = dict(
    backbone=dict(out_indices=(1, 2, 4, 6)),
    decode_head=dict(in_index=(1, 2, 3)),
    auxiliary_head=dict(type='BoundaryHead', in_channels=(24, 32, 96, 320)),
)
