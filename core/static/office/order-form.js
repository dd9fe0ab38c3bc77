/* The order form: bundles by a click, and the quote for what stands in the fields now. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector("[data-quote]");
  if (!panel) {
    return;
  }
  const WAIT = 300;
  const FIELDS = ["customer", "url", "count"];
  const ASKED = [...FIELDS, "hours"];
  const form = panel.closest("form");
  const input = (name) => form.elements[name];
  const busy = panel.querySelector("[data-quote-busy]");
  const failed = panel.querySelector("[data-quote-failed]");
  let timer = 0;
  let asking = null;

  const show = (quote) => {
    panel.querySelectorAll("[data-quote-of]").forEach((cell) => {
      const value = quote[cell.dataset.quoteOf];
      cell.textContent = value === null || value === undefined ? "–" : value;
    });
    showSite(quote.site);
    const note = panel.querySelector("[data-quote-approval]");
    note.textContent = quote.approval;
    note.hidden = !quote.approval;
    const short = quote.balance_after !== null && Boolean(quote.errors.customer);
    panel.querySelector("[data-quote-of=balance_after]").classList.toggle("desk-short", short);
    FIELDS.forEach((name) => showError(name, quote.errors[name]));
  };

  const showSite = (site) => {
    const cell = panel.querySelector("[data-quote-of=site]");
    cell.textContent = site ? site.name + " " : "–";
    if (site) {
      const tag = document.createElement("span");
      tag.className = "desk-tag desk-tag--" + (site.verified ? "good" : "bad");
      tag.textContent = site.verified ? panel.dataset.verified : panel.dataset.unverified;
      cell.append(tag);
    }
  };

  const showError = (name, text) => {
    const row = form.querySelector(".form-row.field-" + name);
    row.querySelectorAll("ul.errorlist").forEach((list) => list.remove());
    row.classList.toggle("errors", Boolean(text));
    if (text) {
      const list = document.createElement("ul");
      const item = document.createElement("li");
      list.className = "errorlist";
      item.textContent = text;
      list.append(item);
      row.prepend(list);
    }
  };

  const ask = async () => {
    if (asking) {
      asking.abort();
    }
    const mine = new AbortController();
    asking = mine;
    busy.hidden = false;
    const query = new URLSearchParams(ASKED.map((name) => [name, input(name).value]));
    try {
      const answer = await fetch(panel.dataset.quote + "?" + query, {
        signal: mine.signal,
        headers: { Accept: "application/json" },
      });
      if (!answer.ok || answer.redirected) {
        throw new Error("no quote: " + answer.status);
      }
      show(await answer.json());
      failed.hidden = true;
    } catch (error) {
      if (error.name !== "AbortError") {
        failed.hidden = false;
      }
    }
    if (asking === mine) {
      busy.hidden = true;
    }
  };

  const askSoon = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, WAIT);
  };

  const markChip = () => {
    form.querySelectorAll("[data-count]").forEach((chip) => {
      const chosen = chip.dataset.count === input("count").value.trim();
      chip.classList.toggle("desk-chip--on", chosen);
      chip.setAttribute("aria-pressed", String(chosen));
    });
  };

  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-count]");
    if (chip) {
      input("count").value = chip.dataset.count;
      markChip();
      ask();
    }
  });
  ["url", "count", "hours"].forEach((name) => input(name).addEventListener("input", askSoon));
  input("count").addEventListener("input", markChip);
  /* select2 tells of its changes through Django's own jQuery only. */
  window.django.jQuery(input("customer")).on("change", askSoon);

  markChip();
  if (FIELDS.some((name) => input(name).value) && !form.querySelector("ul.errorlist")) {
    ask();
  } else if (FIELDS.every((name) => input(name).value)) {
    ask();
  }
});
