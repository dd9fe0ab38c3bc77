"""A real little video site: pages, counters, and a play API.

It stands in for a customer's site: its counter is the proof, and tests compare its own record per
order with the orders. It knows nothing of the office (no Django, no models), and must never be the
slow side of a benchmark.

The way of a request: `server` accepts, `connection` parses, `site` routes and answers, `plays`
counts.
"""
