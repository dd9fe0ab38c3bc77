/* The form of a top-up: what the balance is now, and what it will be. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector("[data-top-up]");
  if (!panel) {
    return;
  }
  const WAIT = 300;
  const form = panel.closest("form");
  const fields = ["customer", "amount"].map((name) => form.elements[name]);
  let timer = 0;
  let asking = null;

  const ask = async () => {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    const typed = new URLSearchParams(fields.map((field) => [field.name, field.value.trim()]));
    try {
      const answer = await fetch(panel.dataset.topUp + "?" + typed, { signal: mine.signal });
      if (answer.ok && !answer.redirected) {
        const shown = await answer.json();
        panel.querySelectorAll("[data-shows]").forEach((cell) => {
          cell.textContent = shown[cell.dataset.shows];
        });
      }
    } catch (error) {
      if (error.name !== "AbortError") {
        throw error;
      }
    }
  };

  const askSoon = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, WAIT);
  };

  fields.forEach((field) => field.addEventListener("input", askSoon));
  /* select2 tells of its changes through Django's own jQuery only. */
  window.django?.jQuery(form.elements.customer).on("change", askSoon);
  if (form.elements.customer.value) {
    ask();
  }
});
