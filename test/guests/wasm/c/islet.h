/* The functions a preview 1 command imports from islet: see runtime/wasm/native/wit/islet-imports.md. */
#ifndef ISLET_H
#define ISLET_H

#define ISLET_IMPORT(name) __attribute__((import_module("islet"), import_name(#name)))

/* request: JSON ["NAME", "method", args], NAME "" for the runtime itself; body: bytes, length -1 for none. Waits for
 * the answer and gives the length of its JSON, {"ok": value} or {"error": {name, message, code}}; negative: malformed. */
ISLET_IMPORT(call) int islet_call(const char *request, int length, const void *body, int body_length);
/* Copies the JSON of the last answer. */
ISLET_IMPORT(answer) void islet_answer(char *into);
/* Length of the last answer's bytes, -1 where it has none; and a copy of them. */
ISLET_IMPORT(body_len) int islet_body_len(void);
ISLET_IMPORT(body) void islet_body(void *into);

#endif
