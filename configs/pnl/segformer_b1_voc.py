# SegFormer with MiT-B1 on PASCAL VOC 2012: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/segformer_mit-b1.py',
    '../_base_/datasets/voc12_seeds.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/segformer_40k.py',
]
train_dataloader = dict(batch_size=16)
