"""Checks before hours are spent: images, masks, tags and configs."""
