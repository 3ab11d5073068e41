# Classifier on ResNet-38d at stride 8, as AffinityNet, SEAM and EPS train it.
# Initial weights: the network authors' ImageNet ones, through AffinityNet; no address is known that
# can be downloaded from directly. Get ilsvrc-cls_rna-a1_cls1000_ep-0001.params and run
# tools/model_converters/resnet38d.py on it.
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
        type='ResNet38d',
        output_stride=8,
        dropout=(0.3, 0.5),
        init_cfg=dict(type='Pretrained', checkpoint='pretrained/resnet38d_imagenet.pth'),
    ),
    head=dict(type='ClassActivationHead', num_classes=20, in_channels=4096, dropout=0.5),
)
