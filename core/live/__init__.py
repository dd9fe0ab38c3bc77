"""The change feed: what pages show while it changes, the same for sockets and for polls.

The database is the truth. A web process looks into it for all of its viewers at once (a number of
queries that does not grow with them, and only while somebody watches), renders what changed once
for each language and audience, and sends the same text to everybody. It refreshes twice a second;
sooner after a notification (`notify()`, through Redis if there is one) or a change of SQLite's
file. A worker never waits for a viewer, and nothing depends on a notification.

What is sent is the current state, never a log read by its ids: on PostgreSQL a lower id may become
visible after a higher one, so a reader that remembers only the highest id would miss it. A version
is therefore a count, a revision or the values themselves, never the highest id alone (in
sources/customers.py a list only offers newer rows by it).

    source         what can be watched: the base class of sources/, and the register
    sources/       orders, customers, jobs, conversations, queues, the home page, the board
    feed           the thread: what is due, and telling the viewers
    subscriptions  who watches what, for which audience
    subjects       what is watched, rendered
    viewers        one socket or poll, and what it has not got yet
    transports/    how the feed reaches a browser

A source
--------
docs/architecture.md says how to add one. A subject is "<prefix>:<key>", or "<prefix>" alone if
there is only one.

- `prefix`     "order" for subjects such as "order:12"
- `authorize(asked)`: who may see what, as staff or as customer; for all who ask, in a constant
  number of queries. Asked when somebody begins to watch and every AUTHORIZE_SECONDS. Base classes:
  `StaffSource` asks for a right, core.live.sources.orders.OrderSource for the order's owner too.
- `versions(keys)`: for each key a value that changes with the subject. ONE query for all keys, at
  every refresh. By default what load() returns.
- `load(keys)`: what rendering needs, in a constant number of queries; for changed keys only.
- `render(loaded, audience)`: a flat dict of JSON values, in the active language. No queries. A
  CUSTOMER gets no memo, no remark, no internal note.
- `retain(keys)`: nothing else is watched any more; for sources that remember what they loaded.

An order's page or line adds more by `parts` of whole_order or rows in core.live.sources.orders.

Messages
--------
Each time it changes, the viewer sends all that it watches; `since` and `feed` say what it has:

    {"watch": ["order:12", "board"], "since": {"order:12": 17}, "feed": "k3J…", "language": "en"}

It gets, in frames of the socket at /live/socket/ or as the answer to a POST to /live/poll/ (there
with "wait": seconds; 0 is plain polling):

    {"feed": "k3J…", "messages": [
        {"subject": "order:12", "seq": 18, "kind": "change", "data": {"done": 500}},
        {"subject": "board", "seq": 4, "kind": "snapshot", "data": {…}},
        {"subject": "order:9", "kind": "refused"}]}

A change has the names whose values differ and follows the number before it; a snapshot has all and
may follow anything. `feed` names one run of one web process: numbers of another mean nothing and
are answered with a snapshot. So nothing is lost or doubled, even after a reconnect to another
process. A reader too slow for changes gets the newest snapshot, and one that takes nothing is
disconnected. An empty frame comes at least every HEARTBEAT_SECONDS.

A socket without a valid session, or one too many, is not accepted: 403. Later it closes with 4401
(not logged in any more), 4429 (too many of one user), 4408 (did not say what it watches within five
seconds), 4400 (not understood), 1012 (the server stops); polls are answered 401, 429, 400, 503.
"""

from core.live.source import Audience, Source, StaffSource, register, registered_sources
