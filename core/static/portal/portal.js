/* What every page of the portal may use: forms that are sent once, a menu that closes. */
"use strict";
{
  /* A second click while the first is under way does nothing; the server holds it anyway. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") {
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
    }
    form.dataset.sent = "yes";
  });
  /* Back in the browser's history, the page is as it was left. */
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });

  const menu = document.querySelector("details.menu");
  if (menu) {
    document.addEventListener("click", (event) => {
      if (!menu.contains(event.target)) {
        menu.open = false;
      }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && menu.open) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    });
  }

  /* Empty filters make no address longer. */
  document.querySelectorAll("form.filters").forEach((form) => {
    form.addEventListener("formdata", (event) => {
      [...event.formData.entries()].forEach(([name, value]) => value || event.formData.delete(name));
    });
  });
}
