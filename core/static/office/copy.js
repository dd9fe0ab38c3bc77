/* Copies what stands in [data-copied], beside its button where there are several, also where the page
   is not served over TLS. */
"use strict";
for (const button of document.querySelectorAll("[data-copy]")) {
  const near = button.closest("details") ?? document;
  const source = near.querySelector("[data-copied]");
  if (source) {
    button.addEventListener("click", async () => {
      window.getSelection().selectAllChildren(source);
      try {
        await navigator.clipboard.writeText(source.textContent);
      } catch {
        document.execCommand("copy");
      }
      button.textContent = button.dataset.done;
    });
  }
}
