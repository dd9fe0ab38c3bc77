/* replaceMarkup(element, html): markup of the same origin, escaped by the server. A bar goes on from
   where it was. */
"use strict";
window.replaceMarkup = window.replaceMarkup || ((element, html) => {
  const bars = () => [...element.querySelectorAll(".desk-progress__bar > span")];
  const widths = bars().map((bar) => bar.style.width);
  element.innerHTML = html;
  bars().forEach((bar, index) => {
    const width = bar.style.width;
    if (widths[index] && widths[index] !== width) {
      bar.style.width = widths[index];
      bar.getBoundingClientRect();
      bar.style.width = width;
    }
  });
});
