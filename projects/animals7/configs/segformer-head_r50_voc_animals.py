# Hybrid learning with SegFormer's head on ResNet-50: a second architecture of the same backbone.
_base_ = './deeplabv2_r50_voc_animals.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='SegformerHead',
        in_channels=[256, 512, 1024, 2048],
        in_index=[0, 1, 2, 3],
        channels=256,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='BN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(type='PNHybridLoss'),
    )
)
