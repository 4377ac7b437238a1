/* A resident loop: one line of JSON in, one out, in one process for all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  static char line[1 << 20];
  long seen = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    seen++;
    fprintf(stderr, "event %ld\n", seen);
    if (strcmp(line, "\"trap\"") == 0) __builtin_trap();
    if (strcmp(line, "\"exit\"") == 0) exit(0);
    printf("{\"seen\":%ld,\"event\":%s}\n", seen, line);
    fflush(stdout);
  }
  return 0;
}
