/* A recipe is asked for only where the kind of site needs one; steps that are filled in lie open. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const kind = document.getElementById("id_adapter");
  const recipe = document.querySelectorAll("fieldset.desk-recipe");
  if (!kind || !recipe.length) {
    return;
  }
  const toggle = () => {
    for (const part of recipe) {
      part.hidden = kind.value !== "http";
    }
  };
  for (const part of recipe) {
    const steps = part.querySelector("details");
    if (steps && [...part.querySelectorAll("input[type=text], textarea")].some((one) => one.value)) {
      steps.open = true;
    }
  }
  kind.addEventListener("change", toggle);
  toggle();
});
