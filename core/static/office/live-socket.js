/* One WebSocket of the feed, which notices by itself that nothing comes through any more. */
"use strict";
window.LiveSocket = window.LiveSocket || (() => {
  /* Frames come at least every 30 s; after so long without one the socket is dead. */
  const SILENCE_MS = 40000;
  /* A page that is looked at asks sooner whether anybody is there, and waits so long. */
  const PING_MS = 6000;
  const ANSWER_MS = 3000;
  const OPEN_MS = 6000;

  /* Calls opened(socket) at the first frame, then take(frame) with each, which returns whether it
     could be used, and closed(code, wasNeverOpen) at the end. */
  const open = (address, { opened, take, closed }) => {
    const one = new WebSocket(address);
    let first = true;
    let timer = 0;

    const leave = () => {
      window.clearTimeout(timer);
      one.onmessage = null;
      one.onclose = null;
      one.close();
    };
    /* Where nothing comes through, the close would wait for its answer as well. */
    const lose = () => {
      leave();
      closed(1006, first);
    };
    const ask = () => {
      window.clearTimeout(timer);
      one.send("ping");
      timer = window.setTimeout(lose, ANSWER_MS);
    };
    const quiet = () => {
      window.clearTimeout(timer);
      timer = document.hidden
        ? window.setTimeout(lose, SILENCE_MS)
        : window.setTimeout(ask, PING_MS);
    };
    const socket = {
      ask,
      leave,
      send: (text) => one.send(text),
      isOpen: () => one.readyState === WebSocket.OPEN,
    };

    timer = window.setTimeout(lose, OPEN_MS);
    one.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      if (first) {
        first = false;
        opened(socket);
      }
      quiet();
      if (!take(frame)) {
        one.close();
      }
    };
    one.onclose = (event) => {
      window.clearTimeout(timer);
      closed(event.code, first);
    };
    return socket;
  };

  return { open };
})();
