# Classifier on ResNet-38d for the seeds of PASCAL VOC 2012.
_base_ = [
    '../_base_/models/cls_resnet38d.py',
    '../_base_/datasets/voc12_tags.py',
    '../_base_/seed_generation.py',
    '../_base_/cls_runtime.py',
    '../_base_/schedules/cls_sgd_15e.py',
]
train_dataloader = dict(batch_size=8)
