"""The customers' own pages. Everything they show is reached from the customer who is logged in:
`customer_page` hands that customer to the view, and a view looks nowhere else.
"""
