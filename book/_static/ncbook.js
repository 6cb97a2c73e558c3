// Which exercises a reader has done, kept in this browser and nowhere else.

const KEY = "ncbook-done";
const done = () => new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));

function mark(label, isDone) {
  const labels = done();
  if (isDone) labels.add(label);
  else labels.delete(label);
  localStorage.setItem(KEY, JSON.stringify([...labels]));
  showProgress();
}

// Labels are ex-NN-slug: a chapter's are those with its number.
function showProgress() {
  const labels = [...done()];
  for (const place of document.querySelectorAll(".ncbook-progress")) {
    const count = labels.filter((label) => label.startsWith(`ex-${place.dataset.chapter}-`)).length;
    const total = place.dataset.exercises ? ` of ${place.dataset.exercises}` : "";
    place.textContent = count ? `${count}${total} done` : "";
  }
}

function addBox(exercise) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = done().has(exercise.id);
  box.addEventListener("change", () => mark(exercise.id, box.checked));
  const label = document.createElement("label");
  label.className = "ncbook-done";
  label.append(box, "done");
  exercise.querySelector(".admonition-title").append(label);
}

// What is wider than its column scrolls by itself, and the Tab key must get there.
function reachWide() {
  const boxes = "mjx-container[display], pre, .pst-scrollable-table-container";
  for (const box of document.querySelectorAll(`article :is(${boxes})`)) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

document.addEventListener("toggle", reachWide, true); // something folded has been opened
document.fonts.addEventListener("loadingdone", reachWide);
window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  // Now, and whenever the text gets another width: the theme's side bars take their time.
  new ResizeObserver(reachWide).observe(document.querySelector("main"));
});

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("div.exercise.admonition").forEach(addBox);
  showProgress();
});
