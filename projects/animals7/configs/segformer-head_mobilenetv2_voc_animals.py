# Hybrid learning with SegFormer's head on MobileNetV2: a second architecture for two CPU cores.
_base_ = '../../../configs/pnl/deeplabv3plus_mobilenetv2_voc_animals.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='SegformerHead',
        in_channels=[24, 32, 96, 320],
        in_index=[0, 1, 2, 3],
        channels=128,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='BN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(type='PNHybridLoss'),
    )
)
