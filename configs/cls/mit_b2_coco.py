# Classifier on MiT-B2 for the seeds of MS COCO 2014.
_base_ = [
    '../_base_/models/cls_mit-b2.py',
    '../_base_/datasets/coco14_tags.py',
    '../_base_/seed_generation.py',
    '../_base_/cls_runtime.py',
    '../_base_/schedules/cls_adamw_10e.py',
]
model = dict(data_preprocessor=dict(num_classes=80), head=dict(num_classes=80))
