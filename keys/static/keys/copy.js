// A button with data-copies="id" copies what stands in the field of that id. Without scripts it can be selected.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button[data-copies]")) {
    const field = document.getElementById(button.dataset.copies);
    field.addEventListener("focus", () => field.select());
    button.addEventListener("click", async () => {
      field.select();
      if (navigator.clipboard) {
        await navigator.clipboard.writeText(field.value);
      } else {
        document.execCommand("copy"); // the newer way is there for https and for localhost only
      }
      button.textContent = "Copied";
    });
  }
});
