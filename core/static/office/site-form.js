/* A recipe is asked for only where the kind of site needs one. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const kind = document.getElementById("id_adapter");
  const recipe = document.querySelector("fieldset.desk-recipe");
  if (!kind || !recipe) {
    return;
  }
  const toggle = () => {
    recipe.hidden = kind.value !== "http";
  };
  kind.addEventListener("change", toggle);
  toggle();
});
