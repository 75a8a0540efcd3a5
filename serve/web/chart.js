// A chart of losses by step, as SVG: lines with points that the arrow keys walk through.
const make = (name, attributes, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text != null) made.textContent = text;
  return made;
};

// The lines that a job's figures hold: name, and pairs of step and value.
export function lines(metrics, names) {
  const steps = metrics.step || [];
  return names.map(([name, ...columns]) => {
    const values = columns.map((column) => metrics[column]).find((list) => list?.some((value) => value != null)) || [];
    return [name, values.map((value, index) => [steps[index], value]).filter(([, value]) => value != null)];
  }).filter(([, points]) => points.length);
}

// Round numbers between two bounds.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((one) => one >= rough) || size;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
}

export function draw(svg, series, read) {
  if (!series.length) return svg.replaceChildren(make("text", { x: 20, y: 40 }, "no steps yet"));
  const all = series.flatMap(([, points]) => points);
  const range = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const [low, high] = range(all.map((point) => point[1]));
  const [first, last] = range(all.map((point) => point[0]));
  const x = (step) => 50 + 535 * (step - first) / Math.max(1, last - first);
  const y = (loss) => 190 - 175 * (loss - low) / Math.max(1e-9, high - low);
  const cursor = make("line", { class: "cursor", y1: 10, y2: 195, visibility: "hidden" });
  svg.replaceChildren(
    ...ticks(low, high, 4).flatMap((value) => [make("line", { class: "grid", x1: 50, x2: 585, y1: y(value), y2: y(value) }),
      make("text", { x: 44, y: y(value) + 4, "text-anchor": "end" }, Number(value.toPrecision(3)))]),
    ...ticks(first, last, 6).map((step) => make("text", { x: x(step), y: 212, "text-anchor": "middle" }, Number(step.toPrecision(6)))),
    ...series.map(([name, points]) => make("path", { class: name, d: points.map(([step, loss], index) => (index ? "L" : "M") + x(step).toFixed(1) + " " + y(loss).toFixed(1)).join("") })),
    ...series.map(([name], index) => make("text", { class: "legend " + name, x: 480, y: 24 + 16 * index }, name)), cursor);
  svg.setAttribute("aria-label", `loss by step: ${series.map(([name, points]) => `${name} from ${points[0][1].toPrecision(3)} to ${points.at(-1)[1].toPrecision(3)}`).join(", ")}`);
  // Steps that have any point, in order: what the cursor stands on.
  const steps = [...new Set(all.map((point) => point[0]))].sort((a, b) => a - b);
  let place = null;
  const show = (index) => {
    place = Math.max(0, Math.min(steps.length - 1, index));
    const step = svg.dataset.step = steps[place];
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("x1", x(step));
    cursor.setAttribute("x2", x(step));
    read(`step ${step}: ` + series.map(([name, points]) => [name, points.findLast((point) => point[0] <= step)]).filter(([, point]) => point)
      .map(([name, point]) => `${name} ${point[1].toPrecision(4)}`).join(", "));
  };
  svg.onkeydown = (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -steps.length, End: steps.length }[event.key];
    if (!move) return;
    event.preventDefault();
    show((place ?? (move > 0 ? -1 : steps.length)) + move);
  };
  svg.onpointermove = (event) => {
    const box = svg.getBoundingClientRect();
    const step = first + ((event.clientX - box.left) / box.width * 600 - 50) / 535 * (last - first);
    show(steps.reduce((best, one, index) => Math.abs(one - step) < Math.abs(steps[best] - step) ? index : best, 0));
  };
  // A chart that is drawn anew keeps its cursor.
  if (steps.includes(Number(svg.dataset.step))) show(steps.indexOf(Number(svg.dataset.step)));
}
