"""The demo site, with faults on request: what real sites do wrong, a test makes happen here.

`site` says whether a fault strikes (`faults`) or a counter counts wrongly (`counters`),
`connection` how the answer goes wrong on its way (`misbehaviour`). Tests ask for both under
`/control/` (`control`), through `tests.sites.DemoSite`.
"""
