/* A list of what waits for a person is drawn anew when another waits, or one no more. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector("[data-queue]");
  if (!list || !window.Live) {
    return;
  }
  /* The page may be newer than the feed's last look; then the next one agrees with it. */
  const WAIT = 1200;
  let timer = 0;

  const isBusy = () =>
    document.querySelector(".action-select:checked, #toolbar input:focus, dialog[open]");

  const redraw = () => {
    if (isBusy()) {
      timer = window.setTimeout(redraw, WAIT);
    } else {
      window.location.reload();
    }
  };

  window.Live.watch("queue:" + list.dataset.queue, ({ mark }) => {
    window.clearTimeout(timer);
    if (mark !== list.dataset.mark) {
      timer = window.setTimeout(redraw, WAIT);
    }
  });
});
