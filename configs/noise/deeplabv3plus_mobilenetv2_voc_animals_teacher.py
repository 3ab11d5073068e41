# Hybrid learning, and at noisy and filtered pixels consistency of a strong view with the average
# of the network's own past. What is validated and saved is the average.
_base_ = './deeplabv3plus_mobilenetv2_voc_animals_mixture-filter.py'
model = dict(type='TeacherEncoderDecoder', consistency=dict(weight=0.05, begin_iter=240))
# The average of some 100 iterations of the 600.
custom_hooks = [*_base_.custom_hooks, dict(type='TeacherHook', momentum=0.01)]
