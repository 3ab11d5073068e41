# SegFormer with MiT-B0 on PASCAL VOC 2012: hybrid learning on aggregated seeds.
_base_ = [
    '../_base_/models/segformer_mit-b0.py',
    '../_base_/datasets/voc12_seeds.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/segformer_40k.py',
]
train_dataloader = dict(batch_size=16)
