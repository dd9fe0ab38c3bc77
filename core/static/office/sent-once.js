/* Forms that are sent once: a second click while the first is under way does nothing. The server
   holds it anyway; and who stopped the page, or waits for an answer that got lost, sends it again. */
"use strict";
const UNDER_WAY_MS = 10000;
document.addEventListener("submit", (event) => {
  const form = event.target;
  /* A field called "method" hides the form's own. */
  if (!form.matches("[method=post]") || event.defaultPrevented) {
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, UNDER_WAY_MS);
});
/* Back in the browser's history, the page is as it was left. */
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});
