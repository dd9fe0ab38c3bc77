"""The desk: one file a model file. Admin classes display and call; they decide nothing.

`CoreConfig.ready()` loads the files.
"""
