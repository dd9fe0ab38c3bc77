/* A file dropped on the form of an upload is the file of the form. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-drop]");
  const input = form && form.querySelector("input[type=file]");
  if (!input) {
    return;
  }
  const isFile = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (isFile(event)) {
      event.preventDefault();
    }
  });
  document.addEventListener("drop", (event) => {
    if (isFile(event)) {
      event.preventDefault();
      input.files = event.dataTransfer.files;
      input.focus();
    }
  });
});
