# Classifier on ResNet-38d for the seeds of MS COCO 2014.
_base_ = [
    '../_base_/models/cls_resnet38d.py',
    '../_base_/datasets/coco14_tags.py',
    '../_base_/seed_generation.py',
    '../_base_/cls_runtime.py',
    '../_base_/schedules/cls_sgd_15e.py',
]
model = dict(data_preprocessor=dict(num_classes=80), head=dict(num_classes=80))
train_dataloader = dict(batch_size=8)
