# DeepLab-V2: ResNet-101 at stride 8 and a sum of four dilated classifiers. The batch norms stay as
# ImageNet left them, as in the original recipe with its small batches.
# Initial weights: torchvision's ImageNet classifier. Never its COCO-pretrained segmentation
# weights: on COCO those are no weak supervision.
model = dict(
    type='EncoderDecoder',
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
        type='ResNet',
        depth=101,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101'),
    ),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=2048,
        in_index=3,
        num_classes=21,
        align_corners=False,
        loss_decode=dict(type='PNHybridLoss'),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
