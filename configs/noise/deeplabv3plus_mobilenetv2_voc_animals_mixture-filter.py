# Hybrid learning in which pixels of suspiciously high loss count as noisy, in the manner of DuPL.
_base_ = ['../pnl/deeplabv3plus_mobilenetv2_voc_animals.py', '../_base_/losses/mixture_filter.py']
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **dict(_base_.loss, begin_iter=240))))
custom_hooks = [dict(type='InitialWeightsHook'), dict(type='SeedStatisticsHook', interval=50)]
