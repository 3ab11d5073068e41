# AffinityNet on a frozen ResNet-38d, all features at stride 8, as PSA has them.
# Initial weights: see cls_resnet38d.py.
model = dict(
    type='AffinityNet',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(448, 448),
    ),
    backbone=dict(
        type='ResNet38d',
        output_stride=8,
        out_indices=(2, 3, 5),
        frozen_stages=7,
        init_cfg=dict(type='Pretrained', checkpoint='pretrained/resnet38d_imagenet.pth'),
    ),
    decode_head=dict(type='AffinityHead', in_channels=(512, 1024, 4096), channels=(64, 128, 256)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
