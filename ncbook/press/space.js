// Points in space, turned by dragging or with the arrow keys. An anywidget module: a kernel's model
// and a page's plain object are the same to it.

const SVG = "http://www.w3.org/2000/svg";
const SIZE = 320; // of the square view box
const REACH = 0.38 * SIZE; // of a point at distance 1
const STEP = Math.PI / 36; // of an arrow key: five degrees

// Turn about the vertical axis, then tilt towards the viewer. Returns right, up, towards the viewer.
export function project([x, y, z], turn, tilt) {
  const across = Math.cos(turn) * x + Math.sin(turn) * y;
  const depth = -Math.sin(turn) * x + Math.cos(turn) * y;
  return [
    across,
    Math.cos(tilt) * z + Math.sin(tilt) * depth,
    Math.sin(tilt) * z - Math.cos(tilt) * depth,
  ];
}

function add(parent, name, attributes, text = "") {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  parent.append(node);
  return node;
}

// The middle of the picture lies halfway between the origin and the points' mean.
function middleOf(points) {
  return [0, 1, 2].map((axis) => points.reduce((sum, p) => sum + p[axis], 0) / points.length / 2);
}

function place(point, middle, view) {
  const seen = point.map((value, axis) => value - middle[axis]);
  const [right, up, near] = project(seen, view.turn, view.tilt);
  return { x: SIZE / 2 + REACH * right, y: SIZE / 2 - REACH * up, near };
}

function draw(svg, points, colours, labels, view) {
  svg.replaceChildren();
  const middle = middleOf(points);
  const origin = place([0, 0, 0], middle, view);
  const placed = points.map((point, index) => ({ ...place(point, middle, view), index }));
  placed.sort((a, b) => a.near - b.near); // the nearest last, on top
  for (const { x, y, near, index } of placed) {
    const ink = { stroke: colours[index], fill: colours[index], opacity: 0.75 + 0.25 * near };
    add(svg, "line", { x1: origin.x, y1: origin.y, x2: x, y2: y, "stroke-width": 3, ...ink });
    add(svg, "circle", { cx: x, cy: y, r: 7 + 2 * near, ...ink });
    add(svg, "text", { x: x + 12, y: y - 8, fill: "currentColor" }, labels[index]);
  }
  add(svg, "circle", { cx: origin.x, cy: origin.y, r: 4, fill: "currentColor" });
}

function render({ model, el }) {
  const view = { turn: model.get("turn"), tilt: model.get("tilt") };
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${SIZE} ${SIZE}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${model.get("alt")} Drag, or turn with the arrow keys.`);
  svg.setAttribute("tabindex", "0");
  svg.style.cssText = "display:block;width:100%;max-width:24rem;margin:auto;cursor:grab;touch-action:pan-y";
  const show = () => draw(svg, model.get("points"), model.get("colours"), model.get("labels"), view);

  const turnBy = (turn, tilt) => {
    view.turn += turn;
    view.tilt = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, view.tilt + tilt));
    show();
  };
  const keys = {
    ArrowLeft: [-STEP, 0],
    ArrowRight: [STEP, 0],
    ArrowUp: [0, STEP],
    ArrowDown: [0, -STEP],
  };
  svg.addEventListener("keydown", (event) => {
    if (!(event.key in keys)) return;
    event.preventDefault(); // or the page would scroll
    turnBy(...keys[event.key]);
  });
  svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
  svg.addEventListener("pointermove", (event) => {
    if (event.buttons) turnBy(event.movementX / 100, event.movementY / 100);
  });
  show();
  el.replaceChildren(svg);
}

export default { render };
