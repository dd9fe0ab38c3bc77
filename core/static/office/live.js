/* The browser's end of core/live: Live.watch("order:12", (data, changed) => …) calls back with the
   subject's state now and whenever it changes. One WebSocket serves the page; where networks break
   sockets it falls back to long polling, then to plain polling, and goes back up by itself. */
"use strict";
window.Live = window.Live || (() => {
  const SOCKET = window.location.origin.replace(/^http/, "ws") + "/live/socket/";
  const POLL = "/live/poll/";
  const LONG_SECONDS = 7;
  const POLL_MS = 3000;
  /* A poll that is so much later than it should be is told; see also office/live-socket.js. */
  const LATE_MS = 3000;
  /* A way that fails so often in a row gives way to the next one. */
  const FAILURES = 2;
  const RETRY_MS = [4000, 8000, 15000, 30000, 60000];
  const HIDDEN_MS = 60000;
  const SIGNED_OUT = 4401;
  const TOO_MANY = 4429;

  const subjects = new Map();
  let feed = "";
  let way = "socket"; /* socket, long or poll: what is tried or used now */
  let failures = 0;
  let socket = null;
  let request = null; /* the poll under way */
  let timer = 0; /* of the next attempt or poll */
  let climbTimer = 0; /* of the next look whether sockets work again */
  let climbs = 0;
  let refusals = 0;
  let hidden = 0;
  let over = false; /* signed out: nothing more to come */
  let asleep = false; /* hidden for long */
  let confirmed = false; /* a poll was answered since the last trouble */

  const wanted = () => subjects.size > 0 && !over && !asleep;

  const sign = (state) => {
    const shown = refusals && !subjects.size ? "refused" : state;
    window.LiveSign.show(over ? "off" : shown, subjects.size > 0);
  };

  const pause = (ms) => ms * (0.75 + Math.random() / 2);

  const wish = (more) => {
    const known = [...subjects].filter(([, subject]) => subject.seq !== null);
    return JSON.stringify({
      watch: [...subjects.keys()],
      since: Object.fromEntries(known.map(([name, subject]) => [name, subject.seq])),
      feed,
      language: document.documentElement.lang,
      ...more,
    });
  };

  /* --- what comes */

  const tell = (subject, changed) => {
    subject.callbacks.forEach((callback) => {
      try {
        callback(subject.data, changed);
      } catch (error) {
        window.reportError(error);
      }
    });
  };

  const take = (message) => {
    const subject = subjects.get(message.subject);
    if (!subject) {
      return true;
    }
    if (message.kind === "refused") {
      subjects.delete(message.subject);
      refusals += 1;
      if (!subjects.size) {
        say();
      }
    } else if (message.kind === "snapshot" || message.seq === subject.seq + 1) {
      const before = message.kind === "snapshot" ? {} : subject.data;
      subject.data = Object.assign(before, message.data);
      subject.seq = message.seq;
      tell(subject, new Set(Object.keys(message.data)));
    } else if (message.seq > subject.seq) {
      subject.seq = null; /* something is missing: ask for all of it */
      return false;
    }
    return true;
  };

  /* Whether everything followed on what was there. */
  const takeAll = (frame) => {
    window.LiveSign.hear();
    if (frame.feed !== feed) {
      feed = frame.feed;
      subjects.forEach((subject) => {
        subject.seq = null;
      });
    }
    return frame.messages.map(take).every(Boolean);
  };

  /* --- by socket */

  const listen = (ended) =>
    window.LiveSocket.open(SOCKET, {
      opened,
      take(frame) {
        sign("socket");
        return takeAll(frame);
      },
      closed: ended,
    });

  const opened = (one) => {
    socket = one;
    way = "socket";
    failures = 0;
    climbs = 0;
    stopPolling();
    socket.send(wish());
  };

  const closed = (code, first) => {
    socket = null;
    if (!wanted()) {
      return;
    }
    if (code === SIGNED_OUT) {
      end();
    } else if (code === TOO_MANY) {
      sign("wait");
      again(60000);
    } else {
      failures += first ? 1 : 0;
      sign("wait");
      if (failures >= FAILURES) {
        descend("long");
      } else {
        again(first ? 1000 : 400);
      }
    }
  };

  /* --- by polling */

  const stopPolling = () => {
    window.clearTimeout(timer);
    window.clearTimeout(climbTimer);
    request?.abort();
    request = null;
  };

  const ask = async (wait) => {
    const mine = new AbortController();
    request = mine;
    const late = window.setTimeout(() => sign("wait"), wait * 1000 + LATE_MS);
    const dead = window.setTimeout(() => mine.abort(), (wait + 10) * 1000);
    try {
      const answer = await fetch(POLL, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: wish({ wait }),
        signal: mine.signal,
      });
      if (answer.status === 401) {
        end();
        return false;
      }
      if (!answer.ok) {
        throw new Error("poll: " + answer.status);
      }
      takeAll(await answer.json());
      return true;
    } finally {
      window.clearTimeout(late);
      window.clearTimeout(dead);
    }
  };

  const poll = async () => {
    /* The first one is answered at once: then the page knows that this way works. */
    const wait = way === "long" && confirmed ? LONG_SECONDS : 0;
    const good = await ask(wait).catch(() => null);
    if (over || way === "socket" || !wanted()) {
      return;
    }
    if (good) {
      confirmed = true;
      if (wait || way === "poll") {
        failures = 0;
      }
      sign(way);
      again(way === "long" ? 0 : POLL_MS);
    } else if (good === null && request && !request.replaced) {
      failures += 1;
      confirmed = false;
      sign("wait");
      if (way === "long" && failures >= FAILURES) {
        descend("poll");
      } else {
        again(Math.min(30000, 1000 * 2 ** failures));
      }
    }
  };

  const descend = (to) => {
    way = to;
    failures = 0;
    confirmed = false;
    if (to === "long") {
      climbLater();
    }
    again(0);
  };

  /* While it polls, the page looks now and then whether sockets work again. */
  const climbLater = () => {
    window.clearTimeout(climbTimer);
    const wait = RETRY_MS[Math.min(climbs, RETRY_MS.length - 1)];
    climbs += 1;
    climbTimer = window.setTimeout(() => {
      if (way === "socket" || over || !wanted()) {
        return;
      }
      listen((code, first) => {
        if (!first) {
          closed(code, first);
        } else if (way !== "socket") {
          if (way === "poll") {
            /* Long polling gets one more try as well. */
            way = "long";
            failures = FAILURES - 1;
            confirmed = false;
          }
          climbLater();
        }
      });
    }, pause(wait));
  };

  /* --- when to do what */

  const again = (ms) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      if (!wanted()) {
        return;
      }
      if (way === "socket") {
        socket = socket || listen(closed);
      } else {
        poll();
      }
    }, ms ? pause(ms) : 0);
  };

  const end = () => {
    over = true;
    stopPolling();
    sign("off");
  };

  const rest = () => {
    stopPolling();
    socket?.leave();
    socket = null;
  };

  /* What is watched has changed: say so, by whatever way is in use. */
  let saying = false;
  const say = () => {
    if (saying) {
      return;
    }
    saying = true;
    window.setTimeout(() => {
      saying = false;
      if (!wanted()) {
        rest();
        sign(over ? "off" : way);
      } else if (socket && socket.isOpen()) {
        sign("socket");
        socket.send(wish());
      } else if (way !== "socket") {
        if (request) {
          request.replaced = true;
          request.abort();
        }
        again(0);
      } else if (!socket) {
        again(0);
      }
    }, 0);
  };

  document.addEventListener("visibilitychange", () => {
    window.clearTimeout(hidden);
    if (!document.hidden && socket && socket.isOpen()) {
      socket.ask();
    }
    if (document.hidden) {
      hidden = window.setTimeout(() => {
        asleep = true;
        rest();
      }, HIDDEN_MS);
    } else if (asleep) {
      asleep = false;
      again(0);
    }
  });
  window.addEventListener("online", () => {
    climbs = 0;
    if (way !== "socket" && wanted()) {
      climbLater();
    } else if (socket && socket.isOpen()) {
      socket.ask();
    } else {
      again(0);
    }
  });
  window.addEventListener("pagehide", rest);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      again(0);
    }
  });

  return {
    /* Call back with (data, changed) now and at each change, until the function returned is called.
       `data` belongs to Live: read it, do not change it. */
    watch(name, callback) {
      const subject = subjects.get(name) || {
        callbacks: new Set(),
        data: {},
        seq: null,
      };
      subjects.set(name, subject);
      subject.callbacks.add(callback);
      if (subject.seq !== null) {
        callback(subject.data, new Set(Object.keys(subject.data)));
      }
      say();
      return () => {
        subject.callbacks.delete(callback);
        if (!subject.callbacks.size && subjects.get(name) === subject) {
          subjects.delete(name);
          say();
        }
      };
    },
  };
})();
