/* What C programs reach: 64 bytes over a pipe, 64 bytes and 64 KiB over a ring by include/ipcsup_ring.h, and a word of a shared page there and back. `peer PROGRAM`, as stream.mjs. */
#include "../../include/ipcsup_ring.h"
#include <stdatomic.h>

enum { BYTES = 64, WORDS = BYTES / 4, WARM_UP_MS = 1000, MEASURED_MS = 600, LOOK = 64 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void fill(uint32_t *words, uint32_t number) {
  for (uint32_t index = 0; index < WORDS; index++) words[index] = number * 0x9e3779b1u + index;
}

static uint32_t count;

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void look_at_clock(void) {
  static double first, start;
  static uint32_t start_count;
  double now = now_ms();
  if (!first) first = now;
  if (!start && now - first >= WARM_UP_MS) {
    start = now;
    start_count = count;
  }
  if (!start || now - start < MEASURED_MS) return;
  printf("{\"perSecond\":%.0f}\n", 1000.0 * (count - start_count) / (now - start));
  exit(0);
}

static void check(const uint32_t *words) {
  uint32_t difference = 0;
  if (++count % LOOK == 0) look_at_clock();
  for (uint32_t index = 0; index < WORDS; index++) difference |= words[index] ^ (count * 0x9e3779b1u + index);
  if (!difference) return;
  fprintf(stderr, "message %u is not what was sent\n", count);
  exit(1);
}

static void write_pipe(void) {
  uint32_t words[WORDS];
  int descriptor = atoi(getenv("IPCSUP_FD_THERE"));
  for (uint32_t number = 1;; number++) {
    fill(words, number);
    /* No more than PIPE_BUF: all at once. */
    if (write(descriptor, words, BYTES) != BYTES) fail("write");
  }
}

static void read_pipe(void) {
  static uint32_t words[WORDS * 1024];
  int descriptor = atoi(getenv("IPCSUP_FD_THERE"));
  for (;;) {
    ssize_t bytes = read(descriptor, words, sizeof words);
    if (bytes <= 0 || bytes % BYTES) fail("read");
    for (ssize_t at = 0; at < bytes / 4; at += WORDS) check(words + at);
  }
}

static ipcsup_ring ring;

static void expect(int code) {
  if (code == IPCSUP_RING_OK) return;
  /* Who measured has ended. */
  if (code == IPCSUP_RING_NO_READER) exit(0);
  fprintf(stderr, "%s\n", ipcsup_ring_text(code));
  exit(1);
}

static void write_ring(void) {
  expect(ipcsup_ring_open(&ring, "there"));
  for (uint32_t number = 1;; number++) {
    void *payload;
    expect(ipcsup_ring_reserve(&ring, BYTES, &payload, -1));
    fill(payload, number);
    expect(ipcsup_ring_commit(&ring, BYTES, IPCSUP_RING_TAG_BYTES));
  }
}

static void read_ring(void) {
  expect(ipcsup_ring_open(&ring, "there"));
  for (;;) {
    ipcsup_ring_message message;
    expect(ipcsup_ring_receive(&ring, &message, -1));
    check(message.bytes);
    expect(ipcsup_ring_ack_soon(&ring, &message));
  }
}

enum { LARGE = 65536, KINDS = 3, STAMPS = 1024 };

/* As LargeMessages of pattern.mjs. */
static uint32_t *make_large(uint32_t number) {
  static uint32_t kinds[KINDS][LARGE / 4];
  if (!kinds[0][1])
    for (uint32_t kind = 0; kind < KINDS; kind++)
      for (uint32_t at = 0; at < LARGE / 4; at++) kinds[kind][at] = (at + kind + 1) * 0x9e3779b1u;
  uint32_t *message = kinds[number % KINDS];
  for (uint32_t at = 0; at < LARGE / 4; at += STAMPS) message[at] = number + at;
  return message;
}

static void write_large(void) {
  expect(ipcsup_ring_open(&ring, "there"));
  for (uint32_t number = 1;; number++) {
    void *payload;
    expect(ipcsup_ring_reserve(&ring, LARGE, &payload, -1));
    memcpy(payload, make_large(number), LARGE);
    expect(ipcsup_ring_commit(&ring, LARGE, IPCSUP_RING_TAG_BYTES));
  }
}

static void read_large(void) {
  expect(ipcsup_ring_open(&ring, "there"));
  for (;;) {
    ipcsup_ring_message message;
    expect(ipcsup_ring_receive(&ring, &message, -1));
    look_at_clock();
    if (message.length != LARGE || memcmp(message.bytes, make_large(++count), LARGE)) {
      fprintf(stderr, "message %u is not what was sent\n", count);
      exit(1);
    }
    expect(ipcsup_ring_ack_soon(&ring, &message));
  }
}

/* A word of a page goes there and back: the least that two programs can do. Nothing is ever waited for but the other one. */
enum { TRIP_MS = 500, MOST_TRIPS = 1000000, PONG = 16, PONG_CPU = 32 };
/* Before each trip, so that it takes as long as one in JavaScript, and meets what interrupts the machine as often. */
static const double work_us = 0.7;
static _Atomic uint32_t *page;

static void map_page(void) {
  page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(getenv("IPCSUP_FD_THERE")), 0);
  if (page == MAP_FAILED) fail("mmap");
}

static uint32_t cpu_us(void) {
  return clock() * (1000000 / CLOCKS_PER_SEC);
}

/* An even number is answered with the processor time used, too. */
static void pong_page(void) {
  map_page();
  for (uint32_t last = 0, number;; last = number) {
    while ((number = atomic_load(page)) == last) {}
    if (number % 2 == 0) atomic_store(page + PONG_CPU, cpu_us());
    atomic_store(page + PONG, number);
  }
}

static void trip(uint32_t number) {
  atomic_store(page, number);
  while (atomic_load(page + PONG) != number) {}
}

static int compare(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return difference < 0 ? -1 : difference > 0;
}

static void ping_page(void) {
  static double us[MOST_TRIPS];
  uint32_t number = 1, trips = 0;
  map_page();
  for (double first = now_ms(); now_ms() - first < WARM_UP_MS; number += 2) trip(number);
  trip(number + 1);
  uint32_t before = cpu_us() + atomic_load(page + PONG_CPU);
  for (double first = now_ms(); trips < MOST_TRIPS && now_ms() - first < TRIP_MS; trips++) {
    double start = now_ms();
    while (1000 * (now_ms() - start) < work_us) {}
    trip(number += 2);
    us[trips] = 1000 * (now_ms() - start);
  }
  trip(number + 1);
  double cpu_seconds = (cpu_us() + atomic_load(page + PONG_CPU) - before) / 1e6;
  qsort(us, trips, sizeof *us, compare);
  printf("{\"p50\":%f,\"p99\":%f,\"p999\":%f,\"cpuSeconds\":%f}\n", us[trips / 2], us[(uint32_t)(0.99 * trips)], us[(uint32_t)(0.999 * trips)], cpu_seconds);
}

int main(int words, char **word) {
  if (words != 2) return 2;
  if (!strcmp(word[1], "write_pipe")) write_pipe();
  if (!strcmp(word[1], "read_pipe")) read_pipe();
  if (!strcmp(word[1], "write_ring")) write_ring();
  if (!strcmp(word[1], "read_ring")) read_ring();
  if (!strcmp(word[1], "write_large")) write_large();
  if (!strcmp(word[1], "read_large")) read_large();
  if (!strcmp(word[1], "pong_page")) pong_page();
  if (!strcmp(word[1], "ping_page")) ping_page();
  return 2;
}
