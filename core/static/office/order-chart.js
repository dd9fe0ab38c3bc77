/* A small chart: plays the site received beside the rise of its own counter, over time.
   Chart(section).draw(curve, now): curve {points: [[seconds, received, shown]], began, end}. */
"use strict";
window.OrderChart = (section) => {
  const SVG = "http://www.w3.org/2000/svg";
  const HEIGHT = 150;
  const EDGE = { left: 8, right: 8, top: 22, bottom: 20 };
  const MOST_LIVE = 400;
  const language = document.documentElement.lang || "en";
  /* Grouped where the page's own numbers are. */
  const useGrouping = section.dataset.thousand !== "1000";
  const number = new Intl.NumberFormat(language, { useGrouping });
  /* As everywhere on the page: the office's time zone, 24 hours. */
  const clock = { timeZone: section.dataset.zone, hourCycle: "h23" };
  const time = new Intl.DateTimeFormat(language, { timeStyle: "medium", ...clock });
  const day = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short", ...clock });

  let curve = null;
  let live = []; /* seen since the page was opened, between two readings of the counter */

  const make = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    if (text !== undefined) {
      element.textContent = text;
    }
    return element;
  };

  const points = () => {
    const all = [[0, 0, 0], ...curve.points, ...live].sort((a, b) => a[0] - b[0]);
    return all.filter((point, index) => !index || point[0] >= all[index - 1][0]);
  };

  const moment = (seconds, whole) => {
    const when = new Date((curve.began + seconds) * 1000);
    return whole > 86400 ? day.format(when) : time.format(when);
  };

  const paint = () => {
    section.hidden = !curve;
    const width = section.clientWidth - 32;
    if (!curve || width < 80) {
      return;
    }
    const all = points();
    const last = all.at(-1);
    const end = Math.max(curve.end || 0, last[0], 1);
    const top = Math.max(...all.map((point) => Math.max(point[1], point[2] || 0)), 1);
    const x = (seconds) => EDGE.left + (seconds / end) * (width - EDGE.left - EDGE.right);
    const y = (plays) => HEIGHT - EDGE.bottom - (Math.max(0, plays) / top) * (HEIGHT - EDGE.top - EDGE.bottom);
    const read = all.filter((point) => point.length > 2);
    const shown = read.at(-1);
    const line = (some, index) => some.map((point) => x(point[0]).toFixed(1) + "," + y(point[index]).toFixed(1)).join(" ");
    const ground = HEIGHT - EDGE.bottom;

    const { sent, counted, title } = section.dataset;
    const told = `${title}: ${number.format(last[1])} ${sent}, ${number.format(shown[2])} ${counted}`;
    const svg = make("svg", { class: "desk-chart", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": told });
    svg.append(
      make("line", { class: "desk-chart__ground", x1: EDGE.left, x2: width - EDGE.right, y1: ground, y2: ground }),
      make("line", { class: "desk-chart__top", x1: EDGE.left, x2: width - EDGE.right, y1: EDGE.top, y2: EDGE.top }),
      make("text", { x: EDGE.left, y: EDGE.top - 6 }, number.format(top)),
      make("text", { x: EDGE.left, y: HEIGHT - 5 }, moment(0, end)),
      make("text", { x: width - EDGE.right, y: HEIGHT - 5, "text-anchor": "end" }, moment(end, end)),
      make("polygon", { class: "desk-chart__area", points: `${x(0)},${ground} ${line(all, 1)} ${x(last[0])},${ground}` }),
      make("polyline", { class: "desk-chart__sent", points: line(all, 1) }),
      make("polyline", { class: "desk-chart__counted", points: line(read, 2) }),
      make("circle", { class: "desk-chart__dot", cx: x(last[0]), cy: y(last[1]), r: 3 }),
    );
    const before = section.querySelector("svg");
    if (before) {
      before.replaceWith(svg);
    } else {
      section.append(svg, legend());
    }
  };

  const legend = () => {
    const box = document.createElement("p");
    box.className = "desk-chart__legend";
    [["sent", section.dataset.sent], ["counted", section.dataset.counted]].forEach(([kind, text]) => {
      const one = document.createElement("span");
      one.className = "desk-chart__key desk-chart__key--" + kind;
      one.textContent = text;
      box.append(one);
    });
    return box;
  };

  new ResizeObserver(paint).observe(section.parentElement);

  return {
    draw(newCurve, now) {
      curve = newCurve;
      if (curve) {
        const read = curve.points.length ? curve.points.at(-1)[0] : 0;
        live = now ? [...live.filter((point) => point[0] > read), now].slice(-MOST_LIVE) : [];
      }
      paint();
    },
  };
};
