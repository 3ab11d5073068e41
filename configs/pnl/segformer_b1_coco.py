# SegFormer with MiT-B1 on MS COCO 2014: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/segformer_mit-b1.py',
    '../_base_/datasets/coco14_seeds.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/segformer_80k.py',
]
model = dict(decode_head=dict(num_classes=81))
train_dataloader = dict(batch_size=16)
