# Fully supervised: the same network and schedule on the ground truth of the training photographs.
_base_ = './deeplabv3plus_mobilenetv2_voc_animals_aggregate.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='LoadAnnotations')
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='PascalVOCDataset',
        data_root=_base_.data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        metainfo=dict(classes=_base_.classes, palette=_base_.palette),
        pipeline=train_pipeline,
    )
)
