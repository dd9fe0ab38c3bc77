"""The desk: one file a model file. Admin classes display and call; they decide nothing.

`CoreConfig.load_pages()` loads the files.
"""
