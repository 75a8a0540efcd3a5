// Requests to the server that these pages come from, with the key that the user gives, if any.
const keyField = document.getElementById("key");
keyField.value = sessionStorage.getItem("tala-key") || "";
keyField.addEventListener("input", () => sessionStorage.setItem("tala-key", keyField.value));

function authorization() {
  const key = keyField.value.trim();
  return key ? { Authorization: "Bearer " + key } : {};
}

export function headers() { return { "Content-Type": "application/json", ...authorization() }; }

export async function call(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers() });
  const text = await response.text();
  let body;
  try { body = JSON.parse(text); } catch { body = { error: { message: text || response.statusText } }; }
  if (!response.ok) throw new Error(body.error?.message || response.statusText);
  return body;
}

// A file of training data, taken to the server; `progress` hears what share has gone.
export function upload(file, progress) {
  const form = new FormData();
  form.append("purpose", "fine-tune");
  form.append("file", file);
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/files");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) progress(event.loaded / event.total); });
    request.addEventListener("error", () => failed(new Error("The server cannot be reached.")));
    request.addEventListener("load", () => {
      let body = {};
      try { body = JSON.parse(request.responseText); } catch { /* its status says enough */ }
      if (request.status === 200) done(body); else failed(new Error(body.error?.message || request.statusText));
    });
    request.send(form);
  });
}

// The events of a stream, one object each.
export async function* stream(path, body, signal) {
  const response = await fetch(path, { method: "POST", headers: headers(), body: JSON.stringify(body), signal });
  if (!response.ok) {
    const failure = await response.json().catch(() => ({}));
    throw new Error(failure.error?.message || response.statusText);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (!part.startsWith("data: ")) continue;
      const data = part.slice(6);
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Error(event.error.message);
      yield event;
    }
  }
}

// An element with text and attributes; texts never become markup.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.map((child) => (child instanceof Node ? child : document.createTextNode(child))));
  return made;
}
