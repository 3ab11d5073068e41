# Fully supervised: the same network, start and schedule on the ground truth of the training scenes.
_base_ = './plain_deeplabv3plus_resnet_scenes.py'
work_dir = 'demo_output/full'
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='LoadAnnotations')
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='BaseSegDataset',
        data_root=_base_.data_root,
        ann_file='train.txt',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=_base_.metainfo,
        pipeline=train_pipeline,
    )
)
