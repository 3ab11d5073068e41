# JNPL (CVPR 2021) on the clean/noisy split: NLNL whose negative term is weighted by 1 - p.
_base_ = './nlnl.py'
loss = dict(jnpl_weighting=True, loss_name='loss_jnpl')
