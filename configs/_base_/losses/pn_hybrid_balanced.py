# Hybrid learning, background and foreground half each.
loss = dict(type='PNHybridLoss', balance='foreground')
