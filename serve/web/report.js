// What a dry run has found, drawn: figures, the report of each file, examples with what is trained.
import { element } from "/assets/api.js";

export const mebibytes = (bytes) => bytes >= 2 ** 30 ? (bytes / 2 ** 30).toFixed(1) + " GiB" : Math.max(1, Math.round(bytes / 2 ** 20)) + " MiB";

export function duration(seconds) {
  if (seconds == null) return "not known";
  if (seconds < 120) return Math.max(1, Math.ceil(seconds)) + " s";
  if (seconds < 7200) return Math.round(seconds / 60) + " min";
  return `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min`;
}

function figures(rows) {
  return element("dl", { class: "figures" }, ...rows.filter(([, value]) => value != null).flatMap(([name, value]) =>
    [element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))]));
}

// Problems and warnings, the first of each kind.
function findings(title, list, counts, kind) {
  const total = Object.values(counts || {}).reduce((sum, count) => sum + count, 0) || list?.length || 0;
  if (!total) return null;
  return element("section", { class: "findings " + kind }, element("h4", {}, `${title}: ${total}`),
    element("ul", {}, ...(list || []).slice(0, 20).map((one) => element("li", {},
      (one.line != null ? `line ${one.line}${one.field ? ", " + one.field : ""}: ` : "") + (one.message || one.code)))));
}

function file(report, names) {
  const name = report.file || "data";
  return element("section", { class: "file" }, element("h3", {}, names[name.replace(/\.jsonl$/, "")] || name), figures([
    ["examples", report.examples], ["tokens", report.tokens], ["trained tokens", report.trained_tokens],
    ["longest example", report.longest_example?.tokens != null ? `${report.longest_example.tokens} tokens, line ${report.longest_example.line}` : null],
    ["duplicates", report.duplicates || null],
  ]), ...[findings("Problems", report.problems, report.problem_counts, "bad"), findings("Warnings", report.warnings, report.warning_counts, "warn")].filter(Boolean));
}

// An example's text; what is trained is coloured and underlined, so that no colour is needed to see it.
function example(one) {
  const text = element("p", { class: "example" }, ...one.parts.map((part) =>
    part.trained ? element("mark", { class: "trained" }, part.text) : element("span", {}, part.text)));
  return element("li", {}, element("p", { class: "note" }, `line ${one.line}: ${one.tokens} tokens, ${one.trained_tokens} trained` +
    (one.tokens_left_out ? `; ${one.tokens_left_out} more are not shown` : "")), text);
}

function examples(title, list) {
  if (!list?.length) return null;
  return element("details", { open: title.startsWith("Training") }, element("summary", {}, `${title}: the first ${list.length}`),
    element("p", { class: "note" }, element("mark", { class: "trained" }, "Marked"), " is what the model learns to say."),
    element("ol", { class: "examples" }, ...list.map(example)));
}

// `names` are what uploaded files were called, by their ids.
export function draw(place, preview, error, names = {}) {
  const numbers = preview.numbers;
  place.hidden = false;
  place.replaceChildren(...[
    element("h2", { class: preview.valid ? "good" : "bad" }, preview.valid ? "The job can run" : "The data is not valid"),
    error ? element("p", { class: "error" }, error) : null,
    numbers ? figures([
      ["memory at the peak", preview.plan ? mebibytes(preview.plan.peak_bytes) : null],
      ["time", duration(preview.seconds) + (preview.seconds_from === "measured_steps" ? " (some steps were tried)" : " (by arithmetic)")],
      ["device", `${preview.device}, ${preview.precision}`], ["steps", numbers.steps], ["epochs", numbers.n_epochs],
      ["batch", `${numbers.batch_size} examples`], ["learning rate", numbers.learning_rate], ["trained tokens", numbers.trained_tokens],
      ["training examples", numbers.training_examples], ["validation examples", numbers.validation_examples || "none"],
    ]) : null,
    findings("Warnings", preview.warnings, null, "warn"),
    preview.remarks?.length ? element("ul", { class: "note" }, ...preview.remarks.map((text) => element("li", {}, text))) : null,
    ...(preview.files || []).map((report) => file(report, names)),
    examples("Training examples", preview.examples?.training), examples("Validation examples", preview.examples?.validation),
  ].filter(Boolean));
}
