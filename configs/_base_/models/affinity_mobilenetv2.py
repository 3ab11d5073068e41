# AffinityNet on a frozen MobileNetV2: features at strides 8, 16 and 16.
model = dict(
    type='AffinityNet',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(256, 256),
    ),
    backbone=dict(
        type='MobileNetV2',
        widen_factor=1.0,
        strides=(1, 2, 2, 2, 1, 1, 1),
        dilations=(1, 1, 1, 1, 1, 2, 2),
        out_indices=(2, 4, 6),
        norm_cfg=dict(type='BN', requires_grad=True),
        init_cfg=dict(type='Pretrained', checkpoint='weights/mobilenet_v2_imagenet.pth'),
    ),
    decode_head=dict(type='AffinityHead', in_channels=(32, 96, 320), channels=(64, 128, 256)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
