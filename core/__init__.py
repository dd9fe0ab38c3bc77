"""The domain and the desk: what is sold, to whom, for how much, and the admin that shows it."""
