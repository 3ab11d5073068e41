# Classifier on MiT-B2 for the seeds of PASCAL VOC 2012.
_base_ = [
    '../_base_/models/cls_mit-b2.py',
    '../_base_/datasets/voc12_tags.py',
    '../_base_/seed_generation.py',
    '../_base_/cls_runtime.py',
    '../_base_/schedules/cls_adamw_10e.py',
]
