# Hybrid learning on labels that are corrected class by class once early learning is over (ADELE,
# CVPR 2022). The 600 iterations see each photograph 2.4 times; a unit of the curve's time is a
# twelfth of them, as one of 12 epochs.
_base_ = '../pnl/deeplabv3plus_mobilenetv2_voc_animals.py'
model = dict(decode_head=dict(loss_decode=dict(positive='ce')))  # whose predictions get confident
custom_hooks = [
    dict(type='InitialWeightsHook'),
    dict(type='SeedStatisticsHook', interval=50),
    dict(type='EarlyLearningHook', interval=5, window=5, epoch_iters=50),
]
