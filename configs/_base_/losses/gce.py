# Generalized cross-entropy (NeurIPS 2018) on all labels.
loss = dict(type='SeedGeneralizedCrossEntropyLoss', q=0.7, noisy='keep')
