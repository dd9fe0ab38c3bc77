/* What every page of the portal may use: a menu that closes, filters without empty ones. */
"use strict";
{
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
