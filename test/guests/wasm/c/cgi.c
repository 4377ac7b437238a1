/* A CGI program (RFC 3875) that does what ?act= says; answers events (ISLET_EVENT=1) as well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "islet.h"

extern char **environ;

static const char *get(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? "" : value;
}

/* The value of a query parameter, as it is written; the next call overwrites it. */
static const char *parameter(const char *name) {
  static char value[1024];
  size_t length = strlen(name);
  for (const char *at = get("QUERY_STRING"); at != NULL && *at != 0;) {
    const char *end = strchr(at, '&');
    if (strncmp(at, name, length) == 0 && at[length] == '=') {
      at += length + 1;
      size_t size = end == NULL ? strlen(at) : (size_t)(end - at);
      if (size >= sizeof value) size = sizeof value - 1;
      memcpy(value, at, size);
      value[size] = 0;
      return value;
    }
    at = end == NULL ? NULL : end + 1;
  }
  return "";
}

static void head(const char *type) {
  printf("Content-Type: %s\r\n\r\n", type);
}

static void write_all(const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t wrote = write(1, bytes, length);
    if (wrote < 0) exit(4);
    bytes += wrote;
    length -= (size_t)wrote;
  }
}

static void echo(void) {
  static char piece[65536];
  head(*get("CONTENT_TYPE") ? get("CONTENT_TYPE") : "application/octet-stream");
  fflush(stdout);
  for (ssize_t length; (length = read(0, piece, sizeof piece)) > 0;) write_all(piece, (size_t)length);
}

static void count(void) {
  static char piece[65536];
  size_t total = 0;
  for (ssize_t length; (length = read(0, piece, sizeof piece)) > 0;) total += (size_t)length;
  head("text/plain");
  printf("%zu", total);
}

/* n MiB, every page of them written to; "not enough" where the host has no more. */
static void take(long n) {
  size_t bytes = (size_t)n << 20;
  volatile char *block = malloc(bytes); /* volatile: else the compiler sees that nobody needs the memory */
  if (block != NULL)
    for (size_t i = 0; i < bytes; i += 4096) block[i] = (char)i;
  head("text/plain");
  printf("%s", block == NULL ? "not enough" : "taken");
}

static volatile int sink;
static int recurse(int n) {
  volatile char frame[256];
  frame[n & 255] = (char)n;
  sink = n;
  return recurse(n + 1) + frame[n & 127];
}

static void burn(long millions) {
  volatile unsigned x = 1;
  for (long i = 0; i < millions * 1000000L; i++) x = x * 1664525u + 1013904223u;
  head("text/plain");
  printf("burnt");
}

static void pause_ms(long ms) {
  struct timespec time = {ms / 1000, (ms % 1000) * 1000000L};
  nanosleep(&time, NULL);
}

/* One call through the `islet` imports; prints the answer's JSON, a newline, and its bytes. */
static void operation(const char *request, const void *body, int length) {
  int size = islet_call(request, (int)strlen(request), body, length);
  if (size < 0) {
    printf("malformed %d\n", size);
    return;
  }
  char *answer = malloc((size_t)size + 1);
  islet_answer(answer);
  answer[size] = 0;
  printf("%s\n", answer);
  free(answer);
  int bytes = islet_body_len();
  if (bytes < 0) return;
  char *copy = malloc((size_t)bytes + 1);
  islet_body(copy);
  fwrite(copy, 1, (size_t)bytes, stdout);
  printf("\n");
  free(copy);
}

static void kv(void) {
  char request[512];
  head("text/plain");
  snprintf(request, sizeof request, "[\"KV\",\"put\",{\"key\":\"%s\"}]", parameter("key"));
  operation(request, parameter("value"), (int)strlen(parameter("value")));
  snprintf(request, sizeof request, "[\"KV\",\"get\",{\"key\":\"%s\"}]", parameter("key"));
  operation(request, NULL, -1);
}

static void fetch(void) {
  char request[2048];
  head("text/plain");
  snprintf(request, sizeof request, "[\"\",\"fetch\",{\"url\":\"%s\",\"method\":\"GET\",\"headers\":[],\"redirect\":\"manual\"}]",
           parameter("url"));
  operation(request, NULL, -1);
}

/* What the sandbox lets through: each line a name and an errno, 0 where it could. */
static void reach(void) {
  static const char *const paths[] = {"/", "/etc/passwd", "/app", "/app/..", "/app/islet.json", "/tmp/x", "/proc/self/environ"};
  head("text/plain");
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    FILE *file = fopen(paths[i], i == 5 ? "w" : "r");
    printf("%s %d\n", paths[i], file == NULL ? errno : 0);
    if (file != NULL) fclose(file);
  }
}

static void event(void) {
  static char text[1 << 20];
  size_t length = fread(text, 1, sizeof text - 1, stdin);
  while (length > 0 && text[length - 1] == '\n') length--;
  text[length] = 0;
  fprintf(stderr, "an event of %zu bytes\n", length);
  if (strcmp(text, "\"trap\"") == 0) __builtin_trap();
  if (strcmp(text, "\"fail\"") == 0) exit(3);
  if (strcmp(text, "\"garbage\"") == 0) {
    printf("no JSON");
    return;
  }
  if (strcmp(text, "\"nothing\"") == 0) return;
  printf("{\"event\":%s,\"var\":\"%s\"}\n", text, get("GREETING"));
}

int main(int count_of_arguments, char **arguments) {
  const char *event_flag = get("ISLET_EVENT");
  if (strcmp(event_flag, "1") == 0) {
    event();
    return 0;
  }
  char act[64];
  snprintf(act, sizeof act, "%s", parameter("act"));
  long n = atol(parameter("n"));
#define IS(name) (strcmp(act, name) == 0)
  if (IS("")) {
    head("text/plain");
    printf("Hello World!");
  } else if (IS("env")) {
    head("text/plain");
    for (char **entry = environ; *entry != NULL; entry++) printf("%s\n", *entry);
  } else if (IS("args")) {
    head("text/plain");
    for (int i = 0; i < count_of_arguments; i++) printf("%s\n", arguments[i]);
  } else if (IS("status")) {
    printf("Status: 418 I'm a teapot\nX-One: 1\nX-Two: a\nX-Two: b\nContent-Type: text/plain\n\nshort and stout");
  } else if (IS("redirect")) {
    printf("Location: /elsewhere\r\n\r\n");
  } else if (IS("empty")) {
    printf("Status: 204\r\n\r\n");
  } else if (IS("echo")) {
    echo();
  } else if (IS("count")) {
    count();
  } else if (IS("take")) {
    take(n);
  } else if (IS("grow")) {
    for (volatile char *block; (block = malloc(1 << 20)) != NULL;) *block = 1;
    abort();
  } else if (IS("recurse")) {
    head("text/plain");
    printf("%d", recurse(0));
  } else if (IS("loop")) {
    for (;;) sink++;
  } else if (IS("burn")) {
    burn(n);
  } else if (IS("trap")) {
    __builtin_trap();
  } else if (IS("late-trap")) {
    head("text/plain");
    for (long i = 0; i < n; i++) putchar('x');
    fflush(stdout);
    __builtin_trap();
  } else if (IS("abort")) {
    abort();
  } else if (IS("exit")) {
    exit((int)n);
  } else if (IS("silent")) {
    /* no answer at all */
  } else if (IS("no-head")) {
    printf("this is not a header\n\nbody");
  } else if (IS("sleep")) {
    pause_ms(n);
    head("text/plain");
    printf("slept");
  } else if (IS("ignore")) {
    head("text/plain");
    printf("not read");
  } else if (IS("never-reads")) {
    pause_ms(3600000);
  } else if (IS("flood")) {
    static char piece[65536];
    memset(piece, 'f', sizeof piece);
    head("text/plain");
    fflush(stdout);
    for (;;) write_all(piece, sizeof piece);
  } else if (IS("body")) {
    head("text/plain");
    for (long i = 0; i < n; i++) putchar('x');
  } else if (IS("log")) {
    for (long i = 0; i < n; i++) fputc(i % 100 == 99 ? '\n' : 'l', stderr);
    head("text/plain");
    printf("logged");
  } else if (IS("say")) {
    fprintf(stderr, "said %s\n", get("HTTP_X_SAY"));
    head("text/plain");
    printf("said");
  } else if (IS("kv")) {
    kv();
  } else if (IS("fetch")) {
    fetch();
  } else if (IS("reach")) {
    reach();
  } else {
    printf("Status: 404\r\n\r\n");
  }
  return 0;
}
