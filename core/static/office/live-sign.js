/* The small sign that says how a page moves, and of when its data is while it does not. */
"use strict";
window.LiveSign = window.LiveSign || (() => {
  const LIVE = new Set(["socket", "long", "poll"]);

  let heard = ""; /* when something came last */
  let offline = false;
  let last = [];

  const write = (element, shown) => {
    const isOld = !LIVE.has(shown) && heard;
    const age = isOld ? element.dataset.asOf.replace("{time}", heard) : "";
    const told = [element.dataset[shown], age].filter(Boolean).join(" · ");
    if (element.dataset.state === shown && element.textContent === told) {
      return;
    }
    element.dataset.state = shown;
    element.textContent = told;
    if (shown === "off") {
      const link = document.createElement("a");
      link.href = window.location.href;
      link.textContent = told;
      element.replaceChildren(link);
    }
  };

  /* `state`: a data attribute of the sign. `isWatching`: the page has something that can move. */
  const show = (state, isWatching) => {
    last = [state, isWatching];
    const isEnd = state === "off" || state === "refused";
    document.querySelectorAll("[data-live-sign]").forEach((element) => {
      element.hidden = !isWatching && state !== "refused";
      write(element, offline && !isEnd ? "offline" : state);
    });
  };

  const note = (event) => {
    offline = event.type === "offline";
    show(...last);
  };
  window.addEventListener("offline", note);
  window.addEventListener("online", note);

  return {
    show,
    hear() {
      const language = document.documentElement.lang || undefined;
      heard = new Date().toLocaleTimeString(language, { hour12: false });
    },
  };
})();
