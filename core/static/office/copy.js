/* Copies what stands in [data-copied], also where the page is not served over TLS. */
"use strict";
{
  const button = document.querySelector("[data-copy]");
  const source = document.querySelector("[data-copied]");
  if (button && source) {
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
