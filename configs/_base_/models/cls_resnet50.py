# Classifier on ResNet-50 with its last stage at stride 16, as IRN trains it.
# Initial weights: torchvision's ImageNet classifier.
model = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(
        type='mmpretrain.ClsDataPreprocessor',
        num_classes=20,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        num_stages=4,
        out_indices=(3,),
        strides=(1, 2, 2, 1),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    head=dict(type='ClassActivationHead', num_classes=20, in_channels=2048, dropout=0.5),
)
