/* Keeps the panel of a job fresh while it works. It asks by itself and not through the feed: a job's
   progress flies past the database while all its rows are in one transaction. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const WAIT = 1500;
  const WAIT_AFTER_TROUBLE = 10000;

  const fetchJSON = async (url) => {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) {
      throw new Error("no figures: " + answer.status);
    }
    return answer.json();
  };

  /* Markup of the same origin, escaped by the server. What has not changed stays selectable. */
  const shown = new Map();
  const put = (element, html) => {
    if (element && shown.get(element) !== html) {
      element.innerHTML = html;
      shown.set(element, html);
    }
  };

  /* `refresh` answers whether something is still open. */
  const repeat = (refresh) => {
    let timer = 0;
    const soon = (wait) => {
      window.clearTimeout(timer);
      timer = window.setTimeout(run, wait);
    };
    const run = async () => {
      if (document.hidden) {
        return;
      }
      try {
        if (await refresh()) {
          soon(WAIT);
        }
      } catch {
        soon(WAIT_AFTER_TROUBLE);
      }
    };
    document.addEventListener("visibilitychange", () => soon(0));
    soon(WAIT);
  };

  const panel = document.querySelector("[data-live-panel][data-open]");
  if (panel) {
    const tools = document.querySelector("[data-desk-tools]");
    let open = true;
    repeat(async () => {
      if (open) {
        const order = await fetchJSON(panel.dataset.livePanel);
        put(panel, order.panel);
        put(tools, order.buttons);
        open = !order.final;
      }
      return open;
    });
  }
});
