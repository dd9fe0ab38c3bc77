/* What moves on an order's page and in the list of orders, by the change feed (live.js). */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  /* --- an order's page */

  const page = document.querySelector("[data-order]");
  if (page) {
    const json = (id) => JSON.parse(document.getElementById(id).textContent);
    const tools = document.querySelector("[data-desk-tools]");
    const chart = window.OrderChart(page.querySelector("[data-chart]"));
    chart.draw(json("order-curve"), null);

    const refreshButtons = window.OwnPart(page, page.dataset.buttons, (buttons) => {
      window.replaceMarkup(tools, buttons);
    });

    window.Live.watch("order:" + page.dataset.order, (order, changed) => {
      window.replaceSections(page, order, changed);
      chart.draw(order.curve, order.now);
      refreshButtons(order.doing);
    });
  }

  /* --- the list */

  const open = document.querySelectorAll("[data-live-row][data-open]");
  new Set([...open].map((cell) => cell.dataset.liveRow)).forEach((id) => {
    const cells = document.querySelectorAll(`[data-live-row="${id}"]`);
    const stop = window.Live.watch("row:" + id, (order, changed) => {
      cells.forEach((cell) => {
        const name = cell.dataset.liveCell + "_cell";
        if (changed.has(name)) {
          window.replaceMarkup(cell, order[name]);
        }
      });
      if (order.final) {
        cells.forEach((cell) => delete cell.dataset.open);
        window.setTimeout(() => stop(), 0);
      }
    });
  });
});
