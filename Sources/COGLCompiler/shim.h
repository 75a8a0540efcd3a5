// A part of glslang that was a library of its own up to glslang 13; nothing of it is called, it is
// only linked.
