// Shows the settings of the chosen provider; those of the others are hidden and not sent.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const provider = document.querySelector("select[name='provider']");
  if (!provider) {
    return;
  }
  const show = () => {
    for (const input of document.querySelectorAll("input[data-provider]")) {
      const fits = input.dataset.provider === provider.value;
      input.disabled = !fits;
      input.closest(".form-row").hidden = !fits;
    }
  };
  provider.addEventListener("change", show);
  show();
});
