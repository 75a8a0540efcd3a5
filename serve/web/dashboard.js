import { call, element } from "/assets/api.js";

const field = (id) => document.getElementById(id);
let shown = null;

function act(label, path, options) {
  return element("button", { onclick: async () => {
    try { await call(path, options); await load(); } catch (error) { field("error").textContent = error.message; }
  } }, label);
}

function row(...cells) { return element("tr", {}, ...cells.map((cell) => element("td", {}, cell))); }
function state(word, title) { return element("span", { class: "state " + word, title }, word); }
function buttons(...made) { return element("span", {}, ...made.filter(Boolean).flatMap((button) => [button, " "])); }

async function load() {
  try {
    const [deployments, jobs] = await Promise.all([call("/v1/deployments"), call("/v1/fine_tuning/jobs?limit=50")]);
    field("error").textContent = "";
    field("deployments").replaceChildren(...deployments.data.map((one) => {
      const path = "/v1/deployments/" + encodeURIComponent(one.id);
      return row(one.id, one.model || "", state(one.state, one.error?.message), String(one.requests), String(one.tokens), buttons(
        one.state === "paused" ? act("Resume", path + "/resume", { method: "POST" }) : act("Pause", path + "/pause", { method: "POST" }),
        act("Delete", path, { method: "DELETE" })));
    }));
    const deployed = new Set(deployments.data.map((one) => one.job).filter(Boolean));
    field("jobs").replaceChildren(...jobs.data.map((job) => {
      const path = "/v1/fine_tuning/jobs/" + job.id;
      const active = ["validating_files", "queued", "running"].includes(job.status);
      return row(element("button", { onclick: () => detail(job.id) }, job.id.slice(-8)), String(job.model), state(job.status, job.error?.message), String(job.trained_tokens ?? ""), buttons(
        active && act("Pause", path + "/pause", { method: "POST" }), active && act("Cancel", path + "/cancel", { method: "POST" }),
        job.status === "paused" && act("Resume", path + "/resume", { method: "POST" }),
        job.status === "succeeded" && !deployed.has(job.id) && act("Deploy", "/v1/deployments/" + (job.suffix || "model-" + job.id.slice(-6)).replace(/[^A-Za-z0-9._-]/g, "-"), { method: "PUT", body: JSON.stringify({ model: job.id }) })));
    }));
    if (shown) await detail(shown);
  } catch (error) { field("error").textContent = error.message; }
}

async function detail(id) {
  shown = id;
  const [metrics, events] = await Promise.all([call(`/v1/fine_tuning/jobs/${id}/metrics`), call(`/v1/fine_tuning/jobs/${id}/events?limit=20`)]);
  field("detail").hidden = false;
  field("title").textContent = id;
  draw(metrics);
  field("events").replaceChildren(...events.data.map((event) => element("li", {}, `${new Date(event.created_at * 1000).toLocaleTimeString()} ${event.message}`)));
}

function draw(metrics) {
  const steps = metrics.step || [];
  const lines = [["train", metrics.train_loss], ["valid", metrics.valid_loss || metrics.full_valid_loss]]
    .map(([name, values]) => [name, (values || []).map((value, index) => [steps[index], value]).filter(([, value]) => value != null)])
    .filter(([, points]) => points.length);
  const svg = field("loss");
  const make = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  if (!lines.length) return svg.replaceChildren(make("text", { x: 20, y: 40 }, "no steps yet"));
  const all = lines.flatMap(([, points]) => points);
  const [low, high] = [Math.min(...all.map((p) => p[1])), Math.max(...all.map((p) => p[1]))];
  const [first, last] = [Math.min(...all.map((p) => p[0])), Math.max(...all.map((p) => p[0]))];
  const x = (step) => 45 + 540 * (step - first) / Math.max(1, last - first);
  const y = (loss) => 195 - 180 * (loss - low) / Math.max(1e-9, high - low);
  svg.replaceChildren(
    make("text", { x: 4, y: 20 }, high.toPrecision(3)), make("text", { x: 4, y: 198 }, low.toPrecision(3)),
    make("text", { x: 45, y: 215 }, "step " + first), make("text", { x: 530, y: 215 }, "step " + last),
    ...lines.map(([name, points]) => make("path", { class: name, d: points.map(([step, loss], index) => (index ? "L" : "M") + x(step) + " " + y(loss)).join("") })));
}

field("key").addEventListener("change", load);
load();
setInterval(load, 3000);
