# Hybrid learning, and on all supervised pixels "it is the background or a class in the tags". It
# needs the tags of the images, SeedDataset(tags='records') and TagsToLossHook.
loss = dict(type='PNHybridLoss', tag_set_weight=1.0)
