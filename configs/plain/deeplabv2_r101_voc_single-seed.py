# Cross-entropy on one seed. Another one: --cfg-options train_dataloader.dataset.seed=0.10-1.00
_base_ = './deeplabv2_r101_voc_aggregate.py'
train_dataloader = dict(dataset=dict(seed='0.05-1.20'))
