/* A job's page while it works, by the change feed (live.js). */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("[data-job][data-open]");
  if (!page) {
    return;
  }
  const tools = document.querySelector("[data-desk-tools]");
  /* With an upload's rows. */
  const isDrawnAnew = window.OwnPart(page, page.dataset.panel, (text) => {
    const { panel, buttons } = JSON.parse(text);
    window.replaceMarkup(page, panel);
    window.replaceMarkup(tools, buttons);
  });

  window.Live.watch(page.dataset.job, (job, changed) => {
    if (!isDrawnAnew(job.doing)) {
      window.replaceSections(page, job, changed);
    }
  });
});
