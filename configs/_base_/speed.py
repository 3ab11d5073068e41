# What makes a training step cheaper, each part on its own. mmengine lets two bases
# not set the same key, so the parts have names of their own, and a config takes what it wants:
#   _base_ = ['../pnl/segformer_b2_voc.py', '../_base_/speed.py']
#   optim_wrapper = dict(**_base_.bf16_optim_wrapper, **_base_.grouped_parameters)
#   custom_hooks = [*_base_.custom_hooks, _base_.channels_last_hook]
#   compile = _base_.inductor
# On the command line: --cfg-options compile=True
# The losses need no option: with Triton installed PNHybridLoss is one kernel on CUDA.

# bfloat16 on any device; on CPUs it pays with avx512_bf16 or amx_bf16 (/proc/cpuinfo). It has
# float32's range, so gradients need no scaling. The losses still compute in float32.
bf16_optim_wrapper = dict(type='BFloat16OptimWrapper')
# One group of parameters for each learning rate and weight decay, not one for each parameter: the
# optimizer's kernels run once for each group. Same updates. tools/train.py does it by itself.
grouped_parameters = dict(constructor='GroupedOptimWrapperConstructor')
# Convolutions in the layout that tensor cores read.
channels_last_hook = dict(type='ChannelsLastHook')
# torch.compile of the training step, losses included. The first iterations take minutes.
inductor = dict(backend='inductor', dynamic=False)
