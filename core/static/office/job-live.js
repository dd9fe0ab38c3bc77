/* A job's page while it works, by the change feed (live.js). */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("[data-job][data-open]");
  if (!page) {
    return;
  }
  const tools = document.querySelector("[data-desk-tools]");
  let doing = page.dataset.doing;

  /* Buttons, and an upload's rows, are each user's own, so they are not part of the feed. */
  const RETRY_MS = 5000;
  let asked = 0;
  const refresh = async () => {
    asked += 1;
    const mine = asked;
    try {
      const answer = await fetch(page.dataset.panel);
      if (!answer.ok || answer.redirected) {
        throw new Error("no panel: " + answer.status);
      }
      const { panel, buttons } = await answer.json();
      if (mine === asked) {
        page.innerHTML = panel;
        tools.innerHTML = buttons;
      }
    } catch {
      window.setTimeout(() => mine === asked && refresh(), RETRY_MS);
    }
  };

  window.Live.watch(page.dataset.job, (job, changed) => {
    if (doing !== job.doing) {
      doing = job.doing;
      refresh();
      return;
    }
    page.querySelectorAll("[data-section]").forEach((section) => {
      const name = section.dataset.section;
      if (changed.has(name)) {
        window.replaceMarkup(section, job[name]);
      }
    });
  });
});
