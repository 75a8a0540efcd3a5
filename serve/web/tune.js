import { call, element, upload } from "/assets/api.js";
import { draw, mebibytes } from "/assets/report.js";

const field = (id) => document.getElementById(id);
const state = { models: [], files: [], model: null, task: null, checked: null, automaticBatch: {} };
// What the tasks of the service are called where people choose.
const titles = { supervised: "Conversations", dpo: "Preferences", pretrain: "Plain text", classification: "Classes" };

function say(text) { field("progress").textContent = text; }
function fail(error) { field("error").textContent = error ? error.message : ""; if (error) field("error").scrollIntoView({ block: "nearest" }); }

const count = (number) => number >= 1e9 ? (number / 1e9).toFixed(1) + " B" : number >= 1e6 ? Math.round(number / 1e6) + " M" : Math.round(number / 1e3) + " K";

// A radio button with a title and a sentence.
function choice(name, value, title, sentence, checked, disabled, change) {
  return element("label", { class: "choice" },
    element("input", { type: "radio", name, value, checked, disabled, onchange: change }),
    element("span", {}, element("b", {}, title), sentence ? element("small", {}, sentence) : ""));
}

function showModels() {
  const words = field("find").value.trim().toLowerCase();
  const shown = state.models.filter((one) => !words || JSON.stringify([one.id, one.name, one.architecture, one.suffix]).toLowerCase().includes(words));
  field("models").replaceChildren(...shown.map((one) => {
    const facts = [one.kind === "tuned" ? `tuned from ${one.base}` : one.architecture, one.parameters ? count(one.parameters) + " parameters" : null,
      one.context ? one.context + " tokens" : null, one.bytes ? mebibytes(one.bytes) : null, one.licence].filter(Boolean).join(" · ");
    return choice("model", one.id, one.kind === "tuned" ? one.name : one.id, one.trainable ? facts : `${facts ? facts + " · " : ""}cannot be trained: ${one.reason}`,
      state.model?.id === one.id, !one.trainable, () => { state.model = one; showTasks(); changed(); });
  }));
  if (!shown.length) field("models").replaceChildren(element("p", { class: "note" }, state.models.length ? "No model fits." : "There is no model yet: tala models pull OWNER/NAME"));
}

function showTasks() {
  // An evaluation tunes nothing.
  const methods = (state.model?.methods || []).filter((method) => !["evaluation", "distillation"].includes(method.type));
  if (!methods.some((method) => method.type === state.task)) state.task = methods[0]?.type || null;
  field("tasks").replaceChildren(...methods.map((method) => choice("task", method.type, titles[method.type] || method.type, method.description,
    state.task === method.type, false, () => { state.task = method.type; changed(); })));
  if (!methods.length) field("tasks").replaceChildren(element("p", { class: "note" }, "Choose a model first."));
}

function showFiles() {
  for (const id of ["training", "validation"]) {
    const chosen = field(id).value;
    field(id).replaceChildren(element("option", { value: "" }, state.files.length ? "choose a file" : "no file yet"),
      ...state.files.map((file) => element("option", { value: file.id }, `${file.filename} (${mebibytes(file.bytes)}, ${new Date(file.created_at * 1000).toLocaleString()})`)));
    field(id).value = chosen;
  }
}

// Whatever changes, what was checked does not hold any more.
function changed() {
  state.checked = null;
  field("submit").disabled = true;
  const how = field("validation-how").value;
  field("split-label").hidden = how !== "split";
  field("validation-label").hidden = field("validation-upload-label").hidden = how !== "file";
  if (!field("manifest").hidden) showManifest();
}

function number(id) {
  if (!field(id).checkValidity()) { field(id).focus(); throw new Error(`${field(id).labels[0].textContent.trim()}: ${field(id).validationMessage}`); }
  return Number(field(id).value);
}

function manifest(batch) {
  if (!state.model) throw new Error("Choose a model.");
  if (!state.task) throw new Error("Choose a task.");
  if (!field("training").value) throw new Error("Choose the training data.");
  const hyperparameters = { n_epochs: number("epochs"), batch_size: batch ?? "auto" };
  const rate = number("rate");
  if (rate !== 1) hyperparameters.learning_rate_multiplier = rate;
  const made = { model: state.model.id, training_file: field("training").value, seed: number("seed"),
    method: { type: state.task, [state.task]: { hyperparameters } }, max_length: number("length"), on_excess: field("excess").value, device: field("device").value || "auto" };
  if (field("suffix").value) { number("suffix"); made.suffix = field("suffix").value; }
  const how = field("validation-how").value;
  if (how === "split") made.validation_split = number("split") / 100;
  if (how === "file") {
    if (!field("validation").value) throw new Error("Choose the validation data.");
    made.validation_file = field("validation").value;
  }
  const adapter = field("adapter").value;
  if (adapter === "full") made.adapter = { type: "full" };
  if (adapter === "lora") made.adapter = { type: "lora", rank: number("rank"), alpha: 2 * number("rank") };
  return made;
}

// A dry run of a manifest: what it would do, or what is wrong with its data.
async function dryRun(body) {
  let job = await call("/v1/fine_tuning/jobs", { method: "POST", body: JSON.stringify({ ...body, validate_only: true }) });
  while (!["succeeded", "failed", "cancelled"].includes(job.status)) {
    const reading = job.tala?.reading;
    say(reading ? `Reading ${reading.file}: ${reading.examples} examples` : `Checking: ${job.status.replace("_", " ")}`);
    await new Promise((done) => setTimeout(done, 400));
    job = await call("/v1/fine_tuning/jobs/" + job.id);
  }
  const preview = await call(`/v1/fine_tuning/jobs/${job.id}/preview`).catch(() => null);
  return { preview: preview || { valid: false, files: [] }, error: job.error?.message || (job.status === "cancelled" ? "The check was cancelled." : null) };
}

// The batch size that the multiplier comes to: "auto" is decided by the service, which is asked once for each choice of data.
async function multipliedBatch() {
  const multiplier = number("batch");
  if (multiplier === 1) return null;
  const key = JSON.stringify([field("training").value, field("validation-how").value, field("split").value]);
  if (!(key in state.automaticBatch)) {
    const found = await dryRun(manifest(null));
    if (!found.preview.valid) return found;
    state.automaticBatch[key] = found.preview.numbers.batch_size;
  }
  return Math.max(1, Math.round(multiplier * state.automaticBatch[key]));
}

async function check() {
  fail(null);
  field("check").disabled = true;
  try {
    manifest(null);
    const batch = await multipliedBatch();
    const found = typeof batch === "object" && batch ? batch : await dryRun(manifest(batch));
    draw(field("report"), found.preview, found.error, Object.fromEntries(state.files.map((file) => [file.id, file.filename])));
    say(found.preview.valid ? "Checked: it can be submitted." : "Checked: something is wrong.");
    if (found.preview.valid) {
      state.checked = manifest(typeof batch === "number" ? batch : null);
      field("submit").disabled = false;
    }
    field("report").focus();
  } catch (error) { fail(error); say(""); } finally { field("check").disabled = false; }
}

function showManifest() {
  try {
    field("manifest").textContent = JSON.stringify(state.checked || manifest(null), null, 2);
  } catch (error) { field("manifest").textContent = error.message; }
}

async function take(input, select) {
  const file = input.files[0];
  if (!file) return;
  try {
    fail(null);
    const made = await upload(file, (share) => { field("uploading").textContent = `${file.name}: ${Math.round(100 * share)} %`; });
    state.files.unshift(made);
    showFiles();
    select.value = made.id;
    field("uploading").textContent = `${file.name} is there.`;
    changed();
  } catch (error) { fail(error); field("uploading").textContent = ""; }
  input.value = "";
}

async function load() {
  try {
    fail(null);
    const [catalogue, files] = await Promise.all([call("/v1/tala/catalogue"), call("/v1/files?purpose=fine-tune").catch(() => ({ data: [] }))]);
    state.models = catalogue.data;
    state.files = files.data;
    const able = state.models.filter((one) => one.trainable);
    if (!state.model && able.length === 1) state.model = able[0];
    showModels();
    showTasks();
    showFiles();
  } catch (error) { fail(error); field("models").replaceChildren(); }
}

field("find").addEventListener("input", showModels);
field("form").addEventListener("change", (event) => { if (!["upload", "validation-upload", "find"].includes(event.target.id)) changed(); });
field("upload").addEventListener("change", () => take(field("upload"), field("training")));
field("validation-upload").addEventListener("change", () => take(field("validation-upload"), field("validation")));
field("check").addEventListener("click", check);
field("show").addEventListener("click", () => { field("manifest").hidden = !field("manifest").hidden; showManifest(); });
field("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!state.checked) return check();
  try {
    field("submit").disabled = true;
    const job = await call("/v1/fine_tuning/jobs", { method: "POST", body: JSON.stringify(state.checked) });
    location.href = "/dashboard#" + job.id;
  } catch (error) { fail(error); field("submit").disabled = false; }
});
field("key").addEventListener("change", load);
changed();
showTasks();
load();
