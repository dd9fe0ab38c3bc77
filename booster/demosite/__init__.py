"""A real little video site: pages, counters, and a play API.

It stands in for the site of a customer: orders are delivered to it over real HTTP, its counter is
the proof, and its own record per order is what tests compare the orders with. It knows nothing of
the office (no Django, no models), and it must never be the slow side of a benchmark.

The way of a request: `server` accepts, `connection` parses, `site` routes and answers, `plays`
counts.
"""
