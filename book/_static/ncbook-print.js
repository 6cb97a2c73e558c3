// While a page is printed it is light, and what was folded is open; afterwards it is as it was.
// Code that a chapter folds away (`.hide`) stays away.
(() => {
  const root = document.documentElement;
  let opened = [];
  let theme = null;
  window.addEventListener("beforeprint", () => {
    theme ??= root.dataset.theme;
    root.dataset.theme = "light";
    for (const box of document.querySelectorAll("article details:not(.hide, [open])")) {
      box.open = true;
      opened.push(box);
    }
  });
  window.addEventListener("afterprint", () => {
    root.dataset.theme = theme;
    theme = null;
    for (const box of opened) box.open = false;
    opened = [];
  });
})();
