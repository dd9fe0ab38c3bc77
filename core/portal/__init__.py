"""The customers' own pages. They show only what belongs to the customer who is logged in:
`customer_page` hands that customer to the view, and a view looks nowhere else."""
