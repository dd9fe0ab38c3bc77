/* The home page's parts and the board's figures, moved by the change feed. */
"use strict";
{
  const MOVED_MS = 1500;

  document.querySelectorAll("[data-live-part]").forEach((part) => {
    let shown = null;
    window.Live.watch("dashboard:" + part.dataset.livePart, ({ html }) => {
      if (html !== shown) {
        shown = html;
        window.replaceMarkup(part, html);
      }
    });
  });

  const board = document.querySelector("[data-live-board]");

  const say = (element, text) => {
    if (element && element.textContent !== text) {
      element.textContent = text;
    }
  };

  const show = (node, words, note) => {
    const figure = node.querySelector(".flow-node__figure");
    const moved = figure.textContent !== words.figure;
    say(figure, words.figure);
    say(node.querySelector(".flow-node__note"), note);
    say(node.querySelector("title"), words.title);
    node.setAttribute("aria-label", words.title);
    node.classList.toggle("flow-node--full", words.full);
    if (moved) {
      node.classList.add("flow-node--moved");
      window.setTimeout(() => node.classList.remove("flow-node--moved"), MOVED_MS);
    }
  };

  if (board) {
    window.Live.watch("board", (data, changed) => {
      changed.forEach((status) => {
        const at = '[data-node="' + CSS.escape(status) + '"]';
        ["wide", "narrow"].forEach((shape) => {
          const nodes = board.querySelectorAll(`.flow-drawing--${shape} ${at}`);
          nodes.forEach((node) => show(node, data[status], data[status][shape]));
        });
        const item = '.flow-list [data-status="' + CSS.escape(status) + '"]';
        say(board.querySelector(item), data[status].title);
      });
    });
  }
}
