/* The order form: bundles by a click, and the quote for what stands in the fields now. */
"use strict";
{
  const WAIT = 300;
  const FIELDS = ["customer", "url", "count"];
  const form = document.querySelector("[data-order-form]");
  const panel = document.querySelector("[data-quote]");
  const busy = panel.querySelector("[data-quote-busy]");
  const failed = panel.querySelector("[data-quote-failed]");
  let timer = 0;
  let asking = null;

  const value = (name) => form.elements[name].value.trim();

  const showError = (name, text) => {
    const box = form.querySelector(`[data-error-of=${name}]`);
    box.replaceChildren();
    if (text) {
      const line = document.createElement("p");
      line.textContent = text;
      box.append(line);
    }
    const field = box.closest(".field");
    if (field) {
      field.classList.toggle("field--wrong", Boolean(text));
    }
  };

  const showSite = (site) => {
    const cell = panel.querySelector("[data-quote-of=site]");
    cell.textContent = site ? site.name + " " : "–";
    if (site) {
      const tag = document.createElement("span");
      tag.className = "tag tag--" + (site.verified ? "good" : "bad");
      tag.textContent = site.verified ? panel.dataset.verified : panel.dataset.unverified;
      cell.append(tag);
    }
  };

  const show = (quote) => {
    panel.querySelectorAll("[data-quote-of]").forEach((cell) => {
      cell.textContent = quote[cell.dataset.quoteOf] ?? "–";
    });
    showSite(quote.site);
    const note = panel.querySelector("[data-quote-approval]");
    note.textContent = quote.approval;
    note.hidden = !quote.approval;
    const short = quote.balance_after !== null && Boolean(quote.errors.customer);
    panel.querySelector("[data-quote-of=balance_after]").classList.toggle("short", short);
    FIELDS.forEach((name) => showError(name, quote.errors[name]));
  };

  const ask = async () => {
    if (asking) {
      asking.abort();
    }
    const mine = new AbortController();
    asking = mine;
    busy.hidden = false;
    const typed = ["url", "count", "hours"].map((name) => [name, value(name)]);
    try {
      const answer = await fetch(panel.dataset.quote + "?" + new URLSearchParams(typed), {
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
      chip.setAttribute("aria-pressed", String(chip.dataset.count === value("count")));
    });
  };

  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-count]");
    if (chip) {
      form.elements.count.value = chip.dataset.count;
      markChip();
      ask();
    }
  });
  ["url", "count", "hours"].forEach((name) => form.elements[name].addEventListener("input", askSoon));
  form.elements.count.addEventListener("input", markChip);

  markChip();
  if (value("url") || value("count")) {
    ask();
  }
}
