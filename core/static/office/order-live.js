/* What moves on an order's page and in the list of orders, by the change feed (live.js). */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  /* --- an order's page */

  const page = document.querySelector("[data-order]");
  if (page) {
    const json = (id) => JSON.parse(document.getElementById(id).textContent);
    const tools = document.querySelector("[data-desk-tools]");
    const chart = window.OrderChart(page.querySelector("[data-chart]"));
    let doing = null;
    chart.draw(json("order-curve"), null);

    /* Buttons are each user's own, so they are not part of the feed. */
    const refreshButtons = async () => {
      const answer = await fetch(page.dataset.buttons);
      if (answer.ok && !answer.redirected && tools) {
        tools.innerHTML = await answer.text();
      }
    };

    window.Live.watch("order:" + page.dataset.order, (order, changed) => {
      page.querySelectorAll("[data-section]").forEach((section) => {
        const name = section.dataset.section;
        if (changed.has(name)) {
          window.replaceMarkup(section, order[name]);
        }
      });
      chart.draw(order.curve, order.now);
      if (doing !== null && doing !== order.doing) {
        refreshButtons();
      }
      doing = order.doing;
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
