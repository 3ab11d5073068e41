# Symmetric cross-entropy (ICCV 2019) on all labels.
loss = dict(type='SeedSymmetricCrossEntropyLoss', alpha=0.1, beta=1.0, noisy='keep')
