"""Where the office writes otherwise than Django does in a language."""
