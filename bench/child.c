/*
 * The child of the benchmark: appends one line of 32 bytes, `PID NANOSECONDS` on the monotonic clock, to the file named
 * by its first argument, and waits to be ended. It writes nothing else.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  struct timespec now;
  char line[33];
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (count < 2) return 2;
  snprintf(line, sizeof line, "%10d %20lld\n", getpid(), now.tv_sec * 1000000000LL + now.tv_nsec);
  int file = open(arguments[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || write(file, line, 32) != 32) return 1;
  close(file);
  for (;;) pause();
}
