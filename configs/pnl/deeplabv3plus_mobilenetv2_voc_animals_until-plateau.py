# Trains until the predictions come no closer to the seeds of photographs that do not train: each
# tenth is held out. No mask is looked at before the test.
_base_ = [
    '../_base_/models/deeplabv3plus_mobilenetv2.py',
    '../_base_/datasets/voc_animals_seeds.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/adamw_until_plateau.py',
]
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='weights/mobilenet_v2_imagenet.pth')),
    decode_head=dict(num_classes=7),
)
held_out = list(range(0, 2000, 10))
train_dataloader = dict(
    dataset=dict(indices=[place for place in range(2000) if place not in held_out])
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='FolderSeedDataset',
        data_root=_base_.data_root,
        seed_root=_base_.seed_root,
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        metainfo=dict(classes=_base_.classes, palette=_base_.palette),
        pipeline=_base_.test_pipeline,
        indices=held_out,
    )
)
custom_hooks = [*_base_.custom_hooks, _base_.early_stopping_hook]
