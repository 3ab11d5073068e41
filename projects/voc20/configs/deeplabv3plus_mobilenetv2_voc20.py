# Hybrid learning of DeepLabV3+ on the seeds of cls_mobilenetv2_voc20.py.
_base_ = ['../../../configs/pnl/deeplabv3plus_mobilenetv2_voc_animals.py', './voc20.py']
model = dict(decode_head=dict(num_classes=21))
train_dataloader = dict(
    dataset=dict(**_base_.voc20, seed_root='work_dirs/cls_mobilenetv2_voc20/seeds')
)
val_dataloader = dict(dataset=_base_.voc20)
test_dataloader = val_dataloader
