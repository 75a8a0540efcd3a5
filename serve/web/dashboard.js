import { call, element } from "/assets/api.js";
import { draw, lines } from "/assets/chart.js";
import { draw as drawReport, duration, mebibytes } from "/assets/report.js";

const field = (id) => document.getElementById(id);
let shown = location.hash.slice(1) || null;
// Tokens of each deployment at the last look, for its speed.
let before = null;

function act(label, path, options, question) {
  return element("button", { type: "button", onclick: async () => {
    if (question && !confirm(question)) return;
    try { await call(path, options); await load(); } catch (error) { field("error").textContent = error.message; }
  } }, label);
}

function row(...cells) { return element("tr", {}, ...cells.map((cell) => element("td", {}, cell ?? ""))); }
function state(word, title) { return element("span", { class: "state " + word, title }, word.replaceAll("_", " ")); }
function buttons(...made) { return element("span", {}, ...made.filter(Boolean).flatMap((button) => [button, " "])); }

// Rows are drawn anew; who has one of their buttons in hand keeps it.
function fill(id, rows) {
  const old = field(id);
  const place = old.contains(document.activeElement) ? [...old.querySelectorAll("button")].indexOf(document.activeElement) : -1;
  old.replaceChildren(...rows);
  if (place >= 0) old.querySelectorAll("button")[place]?.focus();
}

function speeds(deployments) {
  const now = performance.now();
  const tokens = Object.fromEntries(deployments.map((one) => [one.id, one.tokens]));
  const found = {};
  if (before) for (const one of deployments) {
    const done = one.tokens - (before.tokens[one.id] ?? one.tokens);
    found[one.id] = (1000 * Math.max(0, done) / (now - before.time)).toFixed(1);
  }
  before = { time: now, tokens };
  return found;
}

function deploymentRow(one, speed) {
  const path = "/v1/deployments/" + encodeURIComponent(one.id);
  const load = one.load;
  return row(one.id, one.model || "", state(one.state, one.error?.message), String(one.requests), String(one.tokens), speed ?? "", load ? String(load.waiting) : "",
    load?.pages ? `${Math.round(100 * load.pages_used / load.pages)} %` : "", buttons(
      one.state === "paused" ? act("Resume", path + "/resume", { method: "POST" }) : act("Pause", path + "/pause", { method: "POST" }),
      act("Delete", path, { method: "DELETE" }, `Delete the deployment ${one.id}? Its model stays.`)));
}

function progress(job) {
  const { step, total_steps: total } = job.tala?.progress || {};
  if (!total || job.tala?.reason === "validated_only") return "";
  return element("span", {}, element("progress", { max: total, value: step, "aria-label": `step ${step} of ${total}` }), ` ${step}/${total}`);
}

function jobRow(job, deployed) {
  const path = "/v1/fine_tuning/jobs/" + job.id;
  const active = ["validating_files", "queued", "running"].includes(job.status);
  const isDry = job.tala?.reason === "validated_only";
  const name = (job.user_provided_suffix || "model-" + job.id.slice(-6)).replace(/[^A-Za-z0-9._-]/g, "-");
  const loss = job.tala?.progress?.train_loss;
  return row(element("button", { type: "button", onclick: () => { location.hash = job.id; }, "aria-label": `Show ${job.user_provided_suffix || ""} ${job.id}` },
    job.user_provided_suffix || "…" + job.id.slice(-8)), String(job.model), state(isDry ? "dry run" : job.status, job.error?.message), progress(job),
    loss != null ? loss.toPrecision(4) : "", job.status === "running" ? duration(job.tala.progress.remaining_seconds) : "",
    job.tala?.plan ? mebibytes(job.tala.plan.peak_bytes) : "", buttons(
      active && act("Pause", path + "/pause", { method: "POST" }), active && act("Cancel", path + "/cancel", { method: "POST" }, `Cancel ${job.id}?`),
      job.status === "paused" && act("Resume", path + "/resume", { method: "POST" }),
      job.status === "succeeded" && !isDry && !deployed.has(job.id) && act("Deploy", "/v1/deployments/" + name, { method: "PUT", body: JSON.stringify({ model: job.id }) })));
}

async function load() {
  try {
    const [deployments, jobs] = await Promise.all([call("/v1/deployments"), call("/v1/fine_tuning/jobs?limit=50")]);
    field("error").textContent = "";
    const speed = speeds(deployments.data);
    fill("deployments", deployments.data.map((one) => deploymentRow(one, speed[one.id])));
    if (!deployments.data.length) field("deployments").append(element("tr", {}, element("td", { colspan: 9 }, "Nothing is deployed.")));
    const deployed = new Set(deployments.data.map((one) => one.job).filter(Boolean));
    fill("jobs", jobs.data.map((job) => jobRow(job, deployed)));
    if (!jobs.data.length) field("jobs").append(element("tr", {}, element("td", { colspan: 8 }, "There is no job yet.")));
    if (shown) await detail(shown, jobs.data.find((job) => job.id === shown));
  } catch (error) { field("error").textContent = error.message; }
}

async function detail(id, known) {
  const path = "/v1/fine_tuning/jobs/" + id;
  const [job, metrics, events] = await Promise.all([known || call(path), call(path + "/metrics"), call(path + "/events?limit=30")]);
  const isNew = field("detail").hidden || field("title").textContent !== (job.user_provided_suffix || id);
  field("detail").hidden = false;
  field("title").textContent = job.user_provided_suffix || id;
  field("facts").textContent = [id, job.model, job.method?.type, job.tala?.device, job.trained_tokens != null ? job.trained_tokens + " trained tokens" : null,
    job.tala?.progress?.tokens_per_second ? Math.round(job.tala.progress.tokens_per_second) + " tokens/s" : null].filter(Boolean).join(" · ");
  field("failure").textContent = job.error?.message || "";
  const series = lines(metrics, [["train", "train_loss"], ["valid", "full_valid_loss", "valid_loss"]]);
  field("loss").toggleAttribute("hidden", !series.length);
  field("reading").hidden = !series.length;
  if (series.length) draw(field("loss"), series, (text) => { field("reading").textContent = text; });
  if (isNew) {
    delete field("loss").dataset.step;
    field("report").replaceChildren();
    const preview = job.tala?.reason === "validated_only" || job.status === "failed" ? await call(path + "/preview").catch(() => null) : null;
    if (preview) drawReport(field("report"), preview);
  }
  field("events").replaceChildren(...events.data.map((event) => element("li", { class: event.level }, `${new Date(event.created_at * 1000).toLocaleTimeString()} ${event.message}`)));
  if (isNew) field("detail").scrollIntoView({ block: "start" });
}

addEventListener("hashchange", () => { shown = location.hash.slice(1) || null; load(); });
field("key").addEventListener("change", load);
load();
setInterval(() => { if (!document.hidden) load(); }, 3000);
