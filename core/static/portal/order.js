/* An order's page and the list, moved by the change feed. Without it they are pages as any other. */
"use strict";
{
  const page = document.querySelector("[data-watch-order]");
  const number = (value) => new Intl.NumberFormat(document.documentElement.lang).format(value);

  const move = (box, data) => {
    const bar = box.querySelector("progress");
    box.className = box.className.replace(/progress--(?!large)\w+/, "progress--" + data.tone);
    bar.value = (data.done / data.count) * bar.max;
    box.querySelector("[data-percent]").textContent = data.percent + "%";
  };

  const speed = (data) => {
    const line = page.querySelector("[data-speed]");
    line.hidden = !data.speed;
    line.querySelector("[data-speed-now]").textContent = data.speed ? number(data.speed) : "";
    const left = line.querySelector("[data-speed-left]");
    left.hidden = data.left === null;
    left.querySelector("b").textContent = data.left_text;
  };

  if (page) {
    const chart = window.OrderChart(page.querySelector("[data-chart]"));
    chart.draw(JSON.parse(document.getElementById("order-curve").textContent), null);
    window.Live.watch("order:" + page.dataset.watchOrder, (data, changed) => {
      page.querySelectorAll(".progress").forEach((box) => move(box, data));
      page.querySelector("[data-done]").textContent = data.done_text;
      speed(data);
      window.replaceSections(page, data, changed);
      page.querySelector("[data-readings]").hidden = !data.readings.trim();
      chart.draw(data.curve, data.now);
    });
  }

  document.querySelectorAll("[data-watch-row]").forEach((row) => {
    const stop = window.Live.watch("row:" + row.dataset.watchRow, (data) => {
      const tag = row.querySelector(".tag");
      tag.className = "tag tag--" + data.tone;
      tag.textContent = data.label;
      move(row.querySelector(".progress"), data);
      row.querySelectorAll("[data-moves]").forEach((place) => {
        place.textContent = data[place.dataset.moves];
        place.hidden = !place.textContent;
      });
      if (data.final) {
        window.setTimeout(() => stop(), 0);
      }
    });
  });
}
