/* What sd_listen_fds_with_names(3) of libsystemd makes of the environment, and what it finds at the descriptors. With an
   argument it then starts itself anew without one, as a child of its own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST = 3 };

/* libsystemd's parse_pid and safe_atoi: decimal and nothing else. */
static int parse(const char *text, long *number) {
  char *end;
  if (*text < '0' || *text > '9') return -EINVAL;
  errno = 0;
  *number = strtol(text, &end, 10);
  if (errno != 0 || *end != '\0' || *number <= 0 || *number > INT_MAX - FIRST) return -EINVAL;
  return 0;
}

/* Number of descriptors; below 0: what the environment says makes no sense. */
static int listen_fds(void) {
  long pid, count;
  const char *text = getenv("LISTEN_PID");
  if (text == NULL) return 0;
  if (parse(text, &pid) < 0) return -EINVAL;
  if (pid != getpid()) return 0;
  text = getenv("LISTEN_FDS");
  if (text == NULL) return 0;
  if (parse(text, &count) < 0) return -EINVAL;
  for (int fd = FIRST; fd < FIRST + count; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0) return -errno;
    /* We would not be told apart from a leak: whoever passes them must not have set it. */
    if (flags & FD_CLOEXEC) return -EBADF;
    if (fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) return -errno;
  }
  return (int)count;
}

static const char *type_of(int fd) {
  int value;
  socklen_t size = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) < 0) return "nothing";
  if (value == SOCK_DGRAM) return "bound";
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) < 0 || !value) return "deaf";
  return fcntl(fd, F_GETFL) & O_NONBLOCK ? "listening, non-blocking" : "listening";
}

int main(int argc, char **argv) {
  int count = listen_fds();
  char *names = getenv("LISTEN_FDNAMES");
  printf("%s %d\n", argc > 1 ? "process" : "child", count);
  for (int index = 0; index < count; index++) {
    /* Separators do not coalesce: an empty name is a name. */
    const char *name = names ? strsep(&names, ":") : "unknown";
    printf("%d %s %s\n", FIRST + index, name ? name : "(too few names)", type_of(FIRST + index));
  }
  if (names && count > 0) printf("too many names: %s\n", names);
  fflush(stdout);
  if (argc < 2) return 0;
  pid_t child = fork();
  if (child == 0) {
    execl(argv[0], argv[0], (char *)NULL);
    _exit(127);
  }
  return waitpid(child, NULL, 0) == child ? 0 : 1;
}
