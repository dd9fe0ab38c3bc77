"""FLOW as a drawing, on the board, on an order's page and for its customer."""
