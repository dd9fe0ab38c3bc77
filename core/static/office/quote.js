/* The order form, the desk's and the customers': bundles by a click, and the quote for what stands
   in the fields now. `data-quote` is the address to ask, `data-style` what the page's classes begin
   with. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector("[data-quote]");
  if (!panel) {
    return;
  }
  const NEEDED = ["customer", "url", "count"];
  const style = panel.dataset.style;
  const form = panel.closest("form");
  const busy = panel.querySelector("[data-quote-busy]");
  const failed = panel.querySelector("[data-quote-failed]");

  /* Customers do not choose a customer. */
  const fields = [...NEEDED, "hours"].map((name) => form.elements[name]).filter(Boolean);
  const needed = fields.filter((field) => NEEDED.includes(field.name));
  const count = form.elements.count;

  const show = (quote) => {
    panel.querySelectorAll("[data-quote-of]").forEach((cell) => {
      cell.textContent = quote[cell.dataset.quoteOf] ?? "–";
    });
    /* What is shown is what is agreed to: the office asks where it has changed. */
    form.elements.quoted_price.value = quote.quoted_price ?? "";
    showSite(quote.site);
    panel.querySelectorAll("[data-quote-note]").forEach((note) => {
      note.textContent = quote[note.dataset.quoteNote] ?? "";
      note.hidden = !note.textContent;
    });
    const short = quote.balance_after !== null && Boolean(quote.errors.customer);
    panel.querySelector("[data-quote-of=balance_after]").classList.toggle(style + "short", short);
    NEEDED.forEach((name) => showError(name, quote.errors[name]));
  };

  const showSite = (site) => {
    const cell = panel.querySelector("[data-quote-of=site]");
    cell.textContent = site ? site.name + " " : "–";
    if (site) {
      const tag = element("span", site.verified ? panel.dataset.verified : panel.dataset.unverified);
      tag.className = `${style}tag ${style}tag--${site.verified ? "good" : "bad"}`;
      cell.append(tag);
    }
  };

  const element = (kind, ...content) => {
    const one = document.createElement(kind);
    one.append(...content);
    return one;
  };

  /* In the place that the page keeps for it, else as Django's admin shows errors. */
  const showError = (name, text) => {
    const place = form.querySelector(`[data-error-of=${name}]`);
    if (place) {
      place.replaceChildren(...(text ? [element("p", text)] : []));
      place.closest(".field")?.classList.toggle("field--wrong", Boolean(text));
      return;
    }
    const row = form.querySelector(".form-row.field-" + name);
    row.querySelectorAll("ul.errorlist").forEach((list) => list.remove());
    row.classList.toggle("errors", Boolean(text));
    const field = form.elements[name];
    field.setAttribute("aria-invalid", String(Boolean(text)));
    field.removeAttribute("aria-describedby");
    if (text) {
      const list = element("ul", element("li", text));
      list.className = "errorlist";
      list.id = `${field.id}_error`;
      field.setAttribute("aria-describedby", list.id);
      row.prepend(list);
    }
  };

  const ask = window.Asking(panel.dataset.quote, fields, {
    begin() {
      busy.hidden = false;
    },
    take(quote) {
      busy.hidden = true;
      failed.hidden = quote !== null;
      if (quote) {
        show(quote);
      }
    },
  });

  const markChip = () => {
    form.querySelectorAll("[data-count]").forEach((chip) => {
      chip.setAttribute("aria-pressed", String(chip.dataset.count === count.value.trim()));
    });
  };

  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-count]");
    if (chip) {
      count.value = chip.dataset.count;
      markChip();
      ask();
    }
  });
  count.addEventListener("input", markChip);

  markChip();
  if (form.querySelector("[data-enters-many]")) {
    form.elements.url.focus();
  }
  /* What the server says against a form stays until all is there that a quote needs. */
  const refused = form.querySelector(".errorlist, .field__errors p");
  if (refused ? needed.every((field) => field.value) : needed.some((field) => field.value)) {
    ask();
  }
});
