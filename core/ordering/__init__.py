"""From an address and a quantity to a quote, from a quote to an order, and what people do with it:
the one way in for the desk, the portal, uploads and commands."""

from core.ordering.actions import adjust, approve, cancel, decline, pause, resume, retry
from core.ordering.calibrations import calibrate, counting_of, find_video, sell_audit
from core.ordering.correcting import approve_correction, correct_top_up, decline_correction
from core.ordering.placing import OrderRefusedError, Placement, place, place_once
from core.ordering.quote import Quote, Quoter, StartRefusedError, start_to_come
from core.ordering.repeats import end_repeat, place_due, repeat
from core.ordering.sites import follow_week, probe_site, read_site, try_site, verify
from core.ordering.topping_up import approve_top_up, decline_top_up, top_up_many
