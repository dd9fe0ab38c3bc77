/* Balances that move, and a line above a list that offers the rows which came since: by the change
   feed (live.js), in the desk and in the portal. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-live-balance]").forEach((place) => {
    window.Live.watch("customer:" + place.dataset.liveBalance, (customer) => {
      place.textContent = customer.balance;
    });
  });

  document.querySelectorAll("[data-newer]").forEach((line) => {
    window.Live.watch(line.dataset.newer, (data) => {
      line.hidden = data.newest <= Number(line.dataset.newest);
    });
  });
});
