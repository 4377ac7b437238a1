/* A CGI program (RFC 3875): the request is in the environment and on stdin, the response goes to stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? "" : value;
}

/* GET: a greeting. */
static void greet(void) {
  fprintf(stderr, "greeting %s\n", variable("REMOTE_ADDR")); /* a line of the function's log */
  printf("Content-Type: text/plain\r\n\r\n");
  printf("Hello from C!\nYou asked for %s, query \"%s\".\n", variable("PATH_INFO"), variable("QUERY_STRING"));
}

/* POST: the body in capitals, piece by piece as it comes. */
static void shout(void) {
  static char piece[16384];
  printf("Content-Type: text/plain\r\n\r\n");
  for (ssize_t length; (length = read(0, piece, sizeof piece)) > 0; fflush(stdout)) {
    for (ssize_t i = 0; i < length; i++)
      if (piece[i] >= 'a' && piece[i] <= 'z') piece[i] -= 'a' - 'A';
    fwrite(piece, 1, (size_t)length, stdout);
  }
}

int main(void) {
  const char *method = variable("REQUEST_METHOD");
  if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) greet();
  else if (strcmp(method, "POST") == 0) shout();
  else printf("Status: 405\r\nAllow: GET, HEAD, POST\r\n\r\n");
  return 0;
}
