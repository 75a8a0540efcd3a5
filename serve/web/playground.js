import { call, stream, element } from "/assets/api.js";

const field = (id) => document.getElementById(id);
const sides = ["left", "right"].map((id) => ({ id, select: field(id), turns: [], panel: null, note: null }));
let running = null;

for (const side of sides) {
  side.panel = element("div", { class: "turns", "aria-live": "polite" });
  side.note = element("p", { class: "note", "aria-live": "polite" });
  side.title = element("h2", {}, "");
  side.box = element("section", { class: "side", "aria-label": side.id }, side.title, side.panel, side.note);
  field("sides").append(side.box);
  side.select.addEventListener("change", show);
}

async function load() {
  try {
    const models = (await call("/v1/models")).data;
    for (const side of sides) {
      const chosen = side.select.value;
      side.select.replaceChildren(...(side.id === "right" ? [element("option", { value: "" }, "none")] : []),
        ...models.map((model) => element("option", { value: model.id }, `${model.id} (${model.tala.state})`)));
      if (chosen) side.select.value = chosen;
    }
    compare(models);
    if (!models.length) sides[0].note.textContent = "Nothing is deployed: tala deploy create NAME --model JOB";
    show();
  } catch (error) { sides[0].note.textContent = error.message; }
}

// Where a base and a model tuned from it are both deployed, they stand side by side.
function compare(models) {
  if (sides[1].select.value) return;
  const tuned = models.find((model) => model.tala.job && models.some((other) => !other.tala.job && other.tala.base === model.tala.base));
  if (!tuned) return;
  sides[0].select.value = models.find((other) => !other.tala.job && other.tala.base === tuned.tala.base).id;
  sides[1].select.value = tuned.id;
}

function show() { for (const side of sides) side.title.textContent = side.select.value; for (const side of sides) side.box.hidden = !side.select.value && side.id === "right"; }

function body(side, text) {
  const system = field("system").value.trim();
  return {
    model: side.select.value,
    messages: [...(system ? [{ role: "system", content: system }] : []), ...side.turns, { role: "user", content: text }],
    temperature: Number(field("temperature").value), top_p: Number(field("top_p").value),
    max_completion_tokens: Number(field("max_tokens").value), seed: Number(field("seed").value),
  };
}

// The arrow keys go from token to token and say what else was likely.
function walk(turn, note) {
  turn.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const tokens = [...turn.children];
    if (!move || !tokens.length) return;
    event.preventDefault();
    const at = tokens.findIndex((token) => token.classList.contains("at"));
    const next = Math.max(0, Math.min(tokens.length - 1, at < 0 ? (move > 0 ? 0 : tokens.length - 1) : at + move));
    tokens[at]?.classList.remove("at");
    tokens[next].classList.add("at");
    note.textContent = (tokens[next].title || "").replaceAll("\n", ", ");
  });
}

async function answer(side, text, signal) {
  const request = { ...body(side, text), stream: true, stream_options: { include_usage: true }, logprobs: true, top_logprobs: 3 };
  side.panel.append(element("div", { class: "turn user" }, text));
  const turn = element("div", { class: "turn", tabindex: 0 });
  walk(turn, side.note);
  side.panel.append(turn);
  side.note.textContent = "";
  let said = "", usage = null;
  const start = performance.now();
  try {
    for await (const event of stream("/v1/chat/completions", request, signal)) {
      if (event.usage) usage = event.usage;
      const choice = event.choices[0];
      const piece = choice?.delta?.content;
      if (!piece && !choice?.logprobs) continue;
      said += piece || "";
      const likely = (choice.logprobs?.content || []).flatMap((entry) => entry.top_logprobs)
        .map((entry) => `${JSON.stringify(entry.token)} ${(100 * Math.exp(entry.logprob)).toFixed(1)} %`).join("\n");
      turn.append(element("span", { title: likely || null }, piece || ""));
    }
    side.turns.push({ role: "user", content: text }, { role: "assistant", content: said });
  } catch (error) {
    if (error.name === "AbortError") side.turns.push({ role: "user", content: text }, { role: "assistant", content: said });
    else turn.append(element("span", { class: "error" }, error.message));
  }
  const seconds = (performance.now() - start) / 1000;
  if (usage) side.note.textContent = `${usage.completion_tokens} tokens in ${seconds.toFixed(1)} s, ` +
    `${(usage.completion_tokens / seconds).toFixed(1)} tokens/s; the prompt had ${usage.prompt_tokens}, ${usage.prompt_tokens_details.cached_tokens} of them cached`;
}

field("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = field("message").value.trim();
  if (!text || running) return;
  running = new AbortController();
  field("send").disabled = true;
  field("stop").disabled = false;
  field("message").value = "";
  await Promise.all(sides.filter((side) => side.select.value).map((side) => answer(side, text, running.signal)));
  running = null;
  field("send").disabled = false;
  field("stop").disabled = true;
  field("message").focus();
});
field("stop").addEventListener("click", () => running?.abort());
field("clear").addEventListener("click", () => { for (const side of sides) { side.turns = []; side.panel.replaceChildren(); side.note.textContent = ""; } });
field("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); field("ask").requestSubmit(); }
});
field("code").addEventListener("click", () => {
  const request = body(sides[0], field("message").value || "...");
  const origin = location.origin;
  const shell = JSON.stringify(request).replaceAll("'", "'\\''");
  const python = JSON.stringify(request, null, 4).replaceAll(": true", ": True").replaceAll(": false", ": False");
  field("request").hidden = false;
  field("request").textContent = `curl ${origin}/v1/chat/completions -H 'Content-Type: application/json' -d '${shell}'\n\n` +
    `from openai import OpenAI\nclient = OpenAI(base_url="${origin}/v1", api_key="none")\n` +
    `answer = client.chat.completions.create(**${python})\nprint(answer.choices[0].message.content)`;
});
field("key").addEventListener("change", load);
load();
