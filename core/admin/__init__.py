"""The desk: admin classes display and call; they decide nothing. `load_pages()` imports them."""
