/* Buttons of an object's page. */
"use strict";
{
  const dialog = () => document.querySelector("[data-desk-dialog]");

  const ask = (button) => {
    const box = dialog();
    const form = box.querySelector("form");
    const question = button.dataset.ask;
    const line = box.querySelector("[data-dialog-ask]");
    /* With the filters of the list that led here, so that Back finds them again. */
    form.action = button.dataset.post + window.location.search;
    box.querySelector("[data-dialog-question]").textContent = button.dataset.confirm;
    box.querySelector("[data-dialog-do]").textContent = button.textContent;
    line.hidden = !question;
    line.querySelector("span").textContent = question;
    const input = line.querySelector("input");
    input.name = button.dataset.field;
    input.maxLength = Number(button.dataset.most);
    input.required = Boolean(question) && "needed" in button.dataset;
    if (button.dataset.confirm) {
      /* Buttons may have been drawn anew meanwhile: who goes back stands on the same one. */
      const back = () => {
        const same = `[data-post="${CSS.escape(button.dataset.post)}"]`;
        (button.isConnected ? button : document.querySelector(same))?.focus();
      };
      box.addEventListener("close", back, { once: true });
      box.showModal();
    } else {
      form.requestSubmit();
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-post]");
    if (button) {
      ask(button);
    } else if (event.target.closest("[data-dialog-back]")) {
      dialog().close();
    }
  });
}

/* A bundle by a click, where there is no quote beside the form that would follow. */
document.addEventListener("click", (event) => {
  const chip = event.target.closest(".desk-several [data-count]");
  if (chip) {
    chip.closest("form").elements.count.value = chip.dataset.count;
  }
});
