/* The form of a top-up: what the balance is now, and what it will be. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector("[data-top-up]");
  if (!panel) {
    return;
  }
  const { customer, amount } = panel.closest("form").elements;
  const ask = window.Asking(panel.dataset.topUp, [customer, amount], {
    take(shown) {
      for (const cell of shown ? panel.querySelectorAll("[data-shows]") : []) {
        cell.textContent = shown[cell.dataset.shows];
      }
    },
  });
  if (customer.value) {
    ask();
  }
});
