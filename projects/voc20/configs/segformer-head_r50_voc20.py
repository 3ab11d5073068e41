# Hybrid learning with SegFormer's head on ResNet-50: a second architecture.
_base_ = ['../../animals7/configs/segformer-head_r50_voc_animals.py', './voc20.py']
model = dict(decode_head=dict(num_classes=21))
train_dataloader = dict(
    dataset=dict(**_base_.voc20, seed_root='work_dirs/cls_resnet50_voc20/seeds')
)
val_dataloader = dict(dataset=_base_.voc20)
test_dataloader = val_dataloader
