# Animals-7: the photographs of PASCAL VOC with a cat, cow, dog, horse, person or sheep, at most 384
# pixels on the longer side, with image-level tags only. Tags of the other VOC classes do not count.
data_root = 'data/voc_animals'
classes = ('background', 'cat', 'cow', 'dog', 'horse', 'person', 'sheep')
other_tags = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'chair', 'diningtable',
    'motorbike', 'pottedplant', 'sofa', 'train', 'tvmonitor',
)  # fmt: skip
crop_size = 192

train_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(type='mmpretrain.RandomResizedCrop', scale=crop_size, crop_ratio_range=(0.3, 1.0)),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmpretrain.ColorJitter', brightness=0.3, contrast=0.3, saturation=0.3),
    dict(type='mmpretrain.PackInputs'),
]
test_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(type='mmpretrain.ResizeEdge', scale=crop_size, edge='short'),
    dict(type='mmpretrain.CenterCrop', crop_size=crop_size),
    dict(type='mmpretrain.PackInputs'),
]
train_dataset = dict(
    type='TagsDataset',
    data_root=data_root,
    tags_file='tags.csv',
    other_tags=other_tags,
    ann_file='ImageSets/Segmentation/train.txt',
    data_prefix=dict(img_path='JPEGImages'),
    metainfo=dict(classes=classes),
    pipeline=train_pipeline,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=train_dataset,
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='TagsDataset',
        data_root=data_root,
        tags_file='tags.csv',
        other_tags=other_tags,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages'),
        metainfo=dict(classes=classes),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='mmpretrain.AveragePrecision')
test_evaluator = val_evaluator
