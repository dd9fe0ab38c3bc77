/* replaceMarkup(element, html): markup of the same origin, escaped by the server. A bar goes on from
   where it was, and who stood on a link or button stands on it again. */
"use strict";
window.replaceMarkup = window.replaceMarkup || ((element, html) => {
  const bars = () => [...element.querySelectorAll(".desk-progress__bar > span")];
  const widths = bars().map((bar) => bar.style.width);
  const names = (held) => held.getAttribute("href") || held.id || held.name || held.textContent;
  const held = element.contains(document.activeElement) && names(document.activeElement);
  element.innerHTML = html;
  if (held) {
    [...element.querySelectorAll("a, button, summary")].find((one) => names(one) === held)?.focus();
  }
  bars().forEach((bar, index) => {
    const width = bar.style.width;
    if (widths[index] && widths[index] !== width) {
      bar.style.width = widths[index];
      bar.getBoundingClientRect();
      bar.style.width = width;
    }
  });
});

/* replaceSections(page, data, changed): each [data-section] of a page whose markup is another one now. */
window.replaceSections = window.replaceSections || ((page, data, changed) => {
  page.querySelectorAll("[data-section]").forEach((section) => {
    const html = data[section.dataset.section];
    if (changed.has(section.dataset.section) && section.markup !== html) {
      window.replaceMarkup(section, html);
      section.markup = html;
    }
  });
});
