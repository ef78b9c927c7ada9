/*
 * One of two C programs that talk over links of ipcsup: `peer MECHANISM ping|pong SIZE`. What goes there begins with a
 * byte that says what pong does: 0 nothing, 1 answer, 2 end. ping measures and prints one JSON object.
 * It uses the handoff only: descriptors, paths, names and numbers from the environment.
 */
#define _GNU_SOURCE
#include "../../include/ipcsup_ring.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static size_t size;
static int is_ping;
static char *buffer;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static const char *find(const char *part, const char *link) {
  char name[64];
  snprintf(name, sizeof name, "IPCSUP_%s_%s", part, link);
  const char *value = getenv(name);
  if (!value) {
    fprintf(stderr, "%s is not set\n", name);
    exit(1);
  }
  return value;
}

static int descriptor_of(const char *link) { return atoi(find("FD", link)); }

/* --- bytes: pipe, FIFO, stream sockets --- */
static int there, back; /* where we send, where we receive */

static void send_bytes(void) {
  for (size_t done = 0; done < size;) {
    ssize_t count = write(there, buffer + done, size - done);
    if (count < 0) fail("write");
    done += count;
  }
}
static void receive_bytes(void) {
  for (size_t done = 0; done < size;) {
    ssize_t count = read(back, buffer + done, size - done);
    if (count <= 0) fail("read");
    done += count;
  }
}
static void open_descriptors(void) {
  there = descriptor_of(is_ping ? "THERE" : "BACK");
  back = descriptor_of(is_ping ? "BACK" : "THERE");
}

/* --- messages over sockets --- */
static void send_message(void) {
  if (send(there, buffer, size, 0) != (ssize_t)size) fail("send");
}
static void receive_message(void) {
  if (recv(back, buffer, size, 0) != (ssize_t)size) fail("recv");
}

/* --- a server and its client --- */
static int connect_to(void) {
  const char *path = getenv("IPCSUP_PATH_THERE");
  if (path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int type = getenv("SEQPACKET") ? SOCK_SEQPACKET : SOCK_STREAM;
    int fd = socket(AF_UNIX, type, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    return fd;
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(atoi(strrchr(find("ADDR", "THERE"), ':') + 1));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  return fd;
}
static void open_server(void) {
  there = back = is_ping ? connect_to() : accept(descriptor_of("THERE"), 0, 0);
  if (there < 0) fail("accept");
  int on = 1;
  setsockopt(there, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
}

/* --- datagrams --- */
static int connect_datagrams(const char *link) {
  char variable[64];
  snprintf(variable, sizeof variable, "IPCSUP_PATH_%s", link);
  if (getenv(variable)) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    strncpy(local.sun_path, getenv(variable), sizeof local.sun_path - 1);
    int socket_of_path = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (connect(socket_of_path, (struct sockaddr *)&local, sizeof local)) fail("connect");
    return socket_of_path;
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(atoi(strrchr(find("ADDR", link), ':') + 1));
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  return fd;
}
static void open_datagrams(void) {
  there = connect_datagrams(is_ping ? "THERE" : "BACK");
  back = descriptor_of(is_ping ? "BACK" : "THERE");
}

/* --- packets below UDP: what comes begins with a header of IP --- */
enum { HEADER = 20 };
static char *packet;
static void open_packets(void) {
  open_descriptors();
  packet = malloc(HEADER + size);
}
static void send_packet(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (sendto(there, buffer, size, 0, (struct sockaddr *)&address, sizeof address) != (ssize_t)size) fail("sendto");
}
static void receive_packet(void) {
  if (recv(back, packet, HEADER + size, 0) != (ssize_t)(HEADER + size)) fail("recv");
  memcpy(buffer, packet + HEADER, size);
}

/* --- POSIX queue --- */
static void send_queue(void) {
  if (mq_send(there, buffer, size, 0)) fail("mq_send");
}
static void receive_queue(void) {
  if (mq_receive(back, buffer, size, 0) < 0) fail("mq_receive");
}

/* --- System V queue: the type comes before the text --- */
static char *typed;
static void open_sysv(void) {
  there = atoi(find("ID", is_ping ? "THERE" : "BACK"));
  back = atoi(find("ID", is_ping ? "BACK" : "THERE"));
  typed = malloc(size + sizeof(long));
}
static void send_sysv(void) {
  *(long *)typed = 1;
  memcpy(typed + sizeof(long), buffer, size);
  if (msgsnd(there, typed, size, 0)) fail("msgsnd");
}
static void receive_sysv(void) {
  if (msgrcv(back, typed, size, 0, 0) < 0) fail("msgrcv");
  memcpy(buffer, typed + sizeof(long), size);
}

/* --- shared memory: a slot each way, and a number that says that it is full --- */
struct slot {
  _Atomic int full;
  char padding[60];
  char bytes[];
};
static struct slot *slot_there, *slot_back;
static void open_memory(void) {
  size_t half = (sizeof(struct slot) + size + 4095) & ~4095UL;
  char *memory = mmap(0, 2 * half, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_of("THERE"), 0);
  if (memory == MAP_FAILED) fail("mmap");
  slot_there = (struct slot *)(is_ping ? memory : memory + half);
  slot_back = (struct slot *)(is_ping ? memory + half : memory);
}
static void send_memory(void) {
  while (atomic_load_explicit(&slot_there->full, memory_order_acquire)) {
  }
  memcpy(slot_there->bytes, buffer, size);
  atomic_store_explicit(&slot_there->full, 1, memory_order_release);
}
static void receive_memory(void) {
  while (!atomic_load_explicit(&slot_back->full, memory_order_acquire)) {
  }
  memcpy(buffer, slot_back->bytes, size);
  atomic_store_explicit(&slot_back->full, 0, memory_order_release);
}

/* --- a ring each way --- */
static ipcsup_ring ring_there, ring_back;
static void expect(int code) {
  if (code == IPCSUP_RING_OK) return;
  fprintf(stderr, "%s\n", ipcsup_ring_text(code));
  exit(1);
}
static void open_rings(void) {
  expect(ipcsup_ring_open(&ring_there, is_ping ? "there" : "back"));
  expect(ipcsup_ring_open(&ring_back, is_ping ? "back" : "there"));
}
static void send_ring(void) {
  void *payload;
  expect(ipcsup_ring_reserve(&ring_there, size, &payload, -1));
  memcpy(payload, buffer, size);
  expect(ipcsup_ring_commit(&ring_there, size, IPCSUP_RING_TAG_BYTES));
}
static void receive_ring(void) {
  ipcsup_ring_message message;
  ipcsup_ring_publish(&ring_there);
  expect(ipcsup_ring_receive(&ring_back, &message, -1));
  memcpy(buffer, message.bytes, size);
  expect(ipcsup_ring_ack_soon(&ring_back, &message));
}

/* --- no bytes: counters and semaphores; every wake-up is answered --- */
static void send_event(void) {
  uint64_t one = 1;
  if (write(there, &one, 8) != 8) fail("eventfd");
}
static void receive_event(void) {
  uint64_t value;
  while (read(back, &value, 8) != 8) {
    struct pollfd entry = {back, POLLIN, 0};
    if (errno != EAGAIN || poll(&entry, 1, -1) < 0) fail("eventfd");
  }
  buffer[0] = 1;
}
static sem_t *semaphore_there, *semaphore_back, *semaphore_free;
static sem_t *open_semaphore(const char *link) {
  sem_t *semaphore = sem_open(find("NAME", link), 0);
  if (semaphore == SEM_FAILED) fail("sem_open");
  return semaphore;
}
static void open_semaphores(void) {
  semaphore_there = open_semaphore(is_ping ? "THERE" : "BACK");
  semaphore_back = open_semaphore(is_ping ? "BACK" : "THERE");
  if (is_ping) semaphore_free = open_semaphore("FREE");
}
static void send_semaphore(void) { sem_post(semaphore_there); }
static void receive_semaphore(void) {
  while (sem_wait(semaphore_back)) {
  }
  buffer[0] = 1;
}
static void turn_semaphore(void) {
  if (sem_wait(semaphore_free) || sem_post(semaphore_free)) fail("semaphore");
}

static int set_free;
static void open_sets(void) {
  there = atoi(find("ID", is_ping ? "THERE" : "BACK"));
  back = atoi(find("ID", is_ping ? "BACK" : "THERE"));
  if (is_ping) set_free = atoi(find("ID", "FREE"));
}
static void change_set(int set, int by, int flags) {
  struct sembuf operation = {.sem_num = 0, .sem_op = by, .sem_flg = flags};
  if (semop(set, &operation, 1)) fail("semop");
}
static void send_set(void) { change_set(there, 1, 0); }
static void receive_set(void) {
  change_set(back, -1, 0);
  buffer[0] = 1;
}
static void turn_set(void) {
  change_set(set_free, -1, SEM_UNDO);
  change_set(set_free, 1, SEM_UNDO);
}

/* Over two pipes: what is done before has been done when the other one goes on. */
static void meet(void) {
  char byte = 0;
  open_descriptors();
  if (write(there, &byte, 1) != 1 || read(back, &byte, 1) != 1) fail("meet");
}

/* --- three locks in a ring: who is to go on has two of them; it gives the first and waits for the other's one --- */
static int locks[3], lock_free, to_give, to_take;
static void change_lock(int lock, short type) {
  struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
  if (fcntl(lock, F_OFD_SETLKW, &whole)) fail("lock");
}
static void open_locks(void) {
  const char *names[] = {"ONE", "TWO", "THREE"};
  for (int index = 0; index < 3; index++) {
    locks[index] = descriptor_of(names[index]);
    if ((index < 2) == is_ping) change_lock(locks[index], F_WRLCK);
  }
  to_give = is_ping ? 0 : 2;
  to_take = is_ping ? 2 : 0;
  if (is_ping) lock_free = descriptor_of("FREE");
  meet();
}
static void send_lock(void) {
  change_lock(locks[to_give], F_UNLCK);
  to_give = (to_give + 1) % 3;
}
static void receive_lock(void) {
  change_lock(locks[to_take], F_WRLCK);
  to_take = (to_take + 1) % 3;
  buffer[0] = 1;
}
static void turn_lock(void) {
  change_lock(lock_free, F_WRLCK);
  change_lock(lock_free, F_UNLCK);
}

/* --- signals, by way of the supervisor --- */
static int caller;
static sigset_t signals;
static void open_signals(void) {
  sigemptyset(&signals);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGWINCH);
  sigprocmask(SIG_BLOCK, &signals, 0);
  caller = descriptor_of(is_ping ? "KNOCK" : "ANSWER");
  meet();
}
static void send_call(void) {
  if (write(caller, "\n", 1) != 1) fail("call");
}
static void receive_signal(void) {
  int number;
  if (sigwait(&signals, &number)) fail("sigwait");
  buffer[0] = 1;
}

static const struct mechanism {
  const char *name;
  void (*open)(void), (*send)(void), (*receive)(void);
  int window; /* most that may be under way, where the kernel drops what is too much */
  int is_empty;
  void (*turn)(void); /* takes what nobody else wants, and gives it back */
} mechanisms[] = {
    {"bytes", open_descriptors, send_bytes, receive_bytes, 0, 0},
    {"messages", open_descriptors, send_message, receive_message, 0, 0},
    {"local-datagrams", open_datagrams, send_message, receive_message, 0, 0},
    {"server", open_server, send_bytes, receive_bytes, 0, 0},
    {"datagrams", open_datagrams, send_message, receive_message, 32, 0},
    {"packets", open_packets, send_packet, receive_packet, 32, 0},
    {"queue", open_descriptors, send_queue, receive_queue, 0, 0},
    {"sysv-queue", open_sysv, send_sysv, receive_sysv, 0, 0},
    {"memory", open_memory, send_memory, receive_memory, 0, 0},
    {"ring", open_rings, send_ring, receive_ring, 0, 0},
    {"event", open_descriptors, send_event, receive_event, 0, 1},
    {"semaphore", open_semaphores, send_semaphore, receive_semaphore, 0, 1, turn_semaphore},
    {"sysv-semaphore", open_sets, send_set, receive_set, 0, 1, turn_set},
    {"locks", open_locks, send_lock, receive_lock, 0, 1, turn_lock},
    {"signal", open_signals, send_call, receive_signal, 0, 1},
};

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}
static int by_value(const void *a, const void *b) {
  return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void say(const struct mechanism *mechanism, char what) {
  buffer[0] = what;
  mechanism->send();
}

static void trip(const struct mechanism *mechanism) {
  say(mechanism, 1);
  mechanism->receive();
}

/* Each for about `seconds`. */
static double measure_rate(const struct mechanism *mechanism, double seconds) {
  double start = now_us(), end = start + seconds * 1e6;
  long count = 0;
  int batch = mechanism->window ? mechanism->window : 64;
  while (now_us() < end) {
    for (int index = 1; index < batch; index++) say(mechanism, 0);
    if (mechanism->window) trip(mechanism);
    else say(mechanism, 0);
    count += batch;
  }
  trip(mechanism);
  return (count + 1) / ((now_us() - start) / 1e6);
}

static double measure_turns(const struct mechanism *mechanism, double seconds) {
  double start = now_us(), end = start + seconds * 1e6;
  long count = 0;
  for (; now_us() < end; count += 64)
    for (int index = 0; index < 64; index++) mechanism->turn();
  return count / ((now_us() - start) / 1e6);
}

int main(int count, char **words) {
  enum { MOST = 200000 };
  static double trips[MOST];
  if (count != 4) return 2;
  const struct mechanism *mechanism = 0;
  for (size_t index = 0; index < sizeof mechanisms / sizeof *mechanisms; index++)
    if (!strcmp(mechanisms[index].name, words[1])) mechanism = &mechanisms[index];
  if (!mechanism) return 2;
  is_ping = !strcmp(words[2], "ping");
  size = atol(words[3]);
  buffer = calloc(1, size + 1);
  mechanism->open();
  if (!is_ping) {
    for (;;) {
      mechanism->receive();
      if (buffer[0] == 2) return 0;
      if (buffer[0] == 1) mechanism->send();
    }
  }
  trip(mechanism);
  int number = 0;
  for (double end = now_us() + 3e5; now_us() < end && number < MOST; number++) {
    double start = now_us();
    trip(mechanism);
    trips[number] = now_us() - start;
  }
  qsort(trips, number, sizeof *trips, by_value);
  printf("{\"p50Us\":%.3f,\"p99Us\":%.3f,", trips[number / 2], trips[number * 99 / 100]);
  if (mechanism->turn) printf("\"rate\":%.0f}\n", measure_turns(mechanism, 0.4));
  else if (mechanism->is_empty) printf("\"rate\":null}\n");
  else printf("\"rate\":%.0f}\n", measure_rate(mechanism, 0.4));
  fflush(stdout);
  if (!mechanism->is_empty) say(mechanism, 2);
  if (mechanism->send == send_ring) ipcsup_ring_publish(&ring_there);
  return 0;
}
