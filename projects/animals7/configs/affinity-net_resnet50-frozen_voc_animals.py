# Affinity network, from the labels of affinity-labels_resnet50-frozen_voc_animals.py.
_base_ = '../../../configs/affinity/affinity-net_mobilenetv2_voc_animals.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        num_stages=4,
        out_indices=(1, 2, 3),
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        norm_eval=True,
        style='caffe',  # where these weights have their strides
        init_cfg=dict(type='Pretrained', checkpoint='weights/resnet50_imagenet_fp16.pth'),
    ),
    decode_head=dict(in_channels=(512, 1024, 2048)),
)
optim_wrapper = dict(type='BFloat16OptimWrapper')
custom_hooks = [dict(type='InitialWeightsHook'), dict(type='ChannelsLastHook')]
train_dataloader = dict(
    dataset=dict(seed_root='work_dirs/affinity-labels_resnet50-frozen_voc_animals/seeds')
)
