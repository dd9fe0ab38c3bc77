"""From an address and a quantity to a quote, from a quote to an order, and what people do with it:
the one way in for the desk, the portal, uploads and commands.

quote.py    what an order would cost, where it would go, and what speaks against it
looks.py    why a quote asked a site, or did not
several.py  many videos for one customer at once
placing.py  the order: charged and written, then the consumers are told
actions.py  cancel, pause, resume, retry, approve, decline; correct a balance
settling.py  an order whose counter proves nothing, settled by a person
equal_top_ups.py  what was booked lately and may be the same payment
topping_up.py  credits, and those that wait for a second person
correcting.py  top-ups that were entered wrongly
repeats.py  orders placed anew every day or week
calibrations.py  how a site counts, before it is sold
sites.py    verify a site, let an order probe it, try it with one play
"""

from core.ordering.actions import adjust, approve, cancel, decline, pause, resume, retry
from core.ordering.calibrations import calibrate, counting_of, find_video, sell_audit
from core.ordering.correcting import approve_correction, correct_top_up, decline_correction
from core.ordering.placing import OrderRefusedError, Placement, place, place_once
from core.ordering.quote import Quote, Quoter, StartRefusedError, start_to_come
from core.ordering.repeats import end_repeat, place_due, repeat
from core.ordering.sites import follow_week, probe_site, read_site, try_site, verify
from core.ordering.topping_up import approve_top_up, decline_top_up, top_up_many
