"""The change feed: what pages show while it changes, the same for sockets and for polls.

The database is the truth. A web process looks into it for all of its viewers at once (a number of
queries that does not grow with them, and only while somebody watches), renders what changed once
for each language and audience, and sends the same text to everybody. It refreshes twice a second;
sooner when it is notified (`notify()`, through Redis where there is one) or when SQLite's file
changed. A worker never waits for a viewer, and nothing depends on a notification.

What is sent is the current state, never a log read by its ids: on PostgreSQL a lower id may become
visible after a higher one, so a reader that remembers only the highest id would miss it. A version
is therefore a count, a revision or the values themselves, never the highest id alone (what
sources/customers.py only offers may come later).

    source         what can be watched: the base class of sources/, and the register
    sources/       orders, customers, jobs, conversations, queues, the home page, the board
    feed           the thread: what is due, and telling the viewers
    subscriptions  who watches what, and as whom they may
    subjects       what is watched, rendered
    viewers        one socket or poll, and what it has not got yet
    transports/    how the feed reaches a browser

A source
--------
docs/architecture.md says how to add one. A subject is "<prefix>:<key>", or "<prefix>" alone where
there is but one of it.

- `prefix`     "order" for subjects such as "order:12"
- `authorize(asked)`: who may see what, as staff or as customer; for all who ask, in a constant
  number of queries. Asked when somebody begins to watch and every AUTHORIZE_SECONDS. To inherit:
  `StaffSource` asks for a permission, core.live.sources.orders.OrderSource for the order.
- `versions(keys)`: for each key a value that differs once there is something new. ONE query for all
  keys; asked at every refresh. By default what load() returns.
- `load(keys)`: what rendering needs, in a constant number of queries; for changed keys only.
- `render(loaded, audience)`: a flat dict of JSON values, in the active language. No queries. A
  CUSTOMER gets no memo, no remark, no internal note.
- `retain(keys)`: nothing else is watched any more; for sources that remember what they loaded.

What an order's page or line gets besides: `parts` of whole_order or rows in
core.live.sources.orders.

Messages
--------
The viewer says what it watches, all of it, each time that changes; `since` and `feed` say what it
has already:

    {"watch": ["order:12", "board"], "since": {"order:12": 17}, "feed": "k3J…", "language": "en"}

It gets, in frames of the socket at /live/socket/ or as the answer to a POST to /live/poll/ (there
with "wait": seconds; 0 is plain polling):

    {"feed": "k3J…", "messages": [
        {"subject": "order:12", "seq": 18, "kind": "change", "data": {"done": 500}},
        {"subject": "board", "seq": 4, "kind": "snapshot", "data": {…}},
        {"subject": "order:9", "kind": "refused"}]}

A change holds the names whose values differ, and follows on the number before it; a snapshot holds
all and follows on anything. `feed` names one run of one web process: numbers of another one mean
nothing here and are answered with a snapshot. So nothing is missing and nothing is doubled, also
after a reconnect to somebody else. A reader too slow for changes gets the newest snapshot instead,
and is disconnected when it takes nothing at all. An empty frame comes at least every
HEARTBEAT_SECONDS.

A socket whose session is not good, or that is one too many, is not accepted: 403. Later it closes
with 4401 (not logged in any more), 4429 (too many of one user), 4408 (did not say what it watches
within five seconds), 4400 (not understood), 1012 (the server stops); polls are answered 401, 429,
400, 503.
"""

from core.live.source import Audience, Source, StaffSource, register, registered_sources
