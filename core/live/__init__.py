"""The change feed: what pages show while it changes, the same for sockets and for polls.

The database is the truth. A web process looks into it once a beat for all of its viewers (a number
of queries that does not grow with them, and only while somebody watches), renders what changed once
for each language and audience, and hands the same text to everybody. A beat is due at least once a
second; it comes sooner when somebody rings (`notify()`, through Redis where there is one) or when
SQLite's file changed. A worker never waits for a viewer, and nothing depends on a ring.

What is sent is how things stand, never a log that is followed by its ids: on PostgreSQL a lower id
may become visible after a higher one, and who remembers the highest would lose it. So a stamp is a
count, a revision or the values themselves, and never a highest id alone.

To show something live
----------------------
1. A subclass of `Source`, registered by `register(MySource())` in a module that CoreConfig.ready()
   imports. A subject is "<prefix>:<key>", or "<prefix>" alone where there is but one of it.

   - `prefix`     "order" for subjects such as "order:12"
   - `admit(asked)`: who may see what, as staff or as customer; for all who ask, in a constant
     number of queries. Asked when somebody begins to watch and every RECHECK seconds. To inherit:
     `StaffSource` asks for a permission, core.live.sources.orders.OrderSource for the order.
   - `stamps(keys)`: for each key a value that differs once there is something new. ONE query for
     all keys; asked every beat. By default what load() says.
   - `load(keys)`: what rendering needs, in a constant number of queries; for changed keys only.
   - `render(loaded, audience)`: a flat dict of JSON values, in the active language. No queries. A
     CUSTOMER gets no memo, no remark, no internal note.
   - `keep(keys)`: nothing else is watched any more; for sources that remember.

   To add to what an order's own page gets: core.live.sources.orders.also_render().

2. Where rows are written: `notify()`, which rings once the transaction is committed. Without
   it the change is seen at the next beat.

3. In the page, after {% include "live/feed.html" %}:

       Live.watch("order:12", (data, changed) => { … });

   `data` is the subject's whole state, `changed` the names that differ since the last call (all of
   them at first and after a snapshot). Live.watch() returns a function that ends it. A third
   argument {refused: () => …} is called where the viewer may not see the subject.

On the wire
-----------
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
and is disconnected when it takes nothing at all. An empty frame comes at least every HEARTBEAT
seconds.

Sockets close with 4401 (not logged in any more), 4429 (too many of one user), 4400 (not
understood), 1012 (the server stops); polls are answered 401, 429, 400, 503.
"""

from core.live.source import Audience, Source, StaffSource, register, registered_sources

__all__ = ["Audience", "Source", "StaffSource", "register", "registered_sources"]
