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
train_dataloader = dict(dataset=dict(indices=[place for place in range(2000) if place % 10]))
val_dataloader = dict(
    dataset={
        **_base_.train_dataloader.dataset,
        '_delete_': True,
        'pipeline': _base_.test_pipeline,
        'indices': held_out,
    }
)
custom_hooks = [*_base_.custom_hooks, _base_.early_stopping_hook]
