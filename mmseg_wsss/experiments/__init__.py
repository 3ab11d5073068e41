"""Studies of many runs: planned as steps that are shared, resumed and summed up in tables."""
