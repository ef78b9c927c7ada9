/*
 * The ends of a link of kind `ring`, for C11 and C++17: messages through shared memory. This file is all there is; the
 * layout of the memory and its rules are a page of ipcsup's documentation, ring-layout.md.
 *
 *   ipcsup_ring ring;
 *   int code = ipcsup_ring_open(&ring, "words");
 *   if (code < 0) return fprintf(stderr, "%s\n", ipcsup_ring_text(code)), 1;
 *
 *   code = ipcsup_ring_send(&ring, "hello", 5);                       at the side `write`
 *
 *   ipcsup_ring_message message;                                      at the side `read`
 *   while ((code = ipcsup_ring_receive(&ring, &message, -1)) == IPCSUP_RING_OK) {
 *     fwrite(message.bytes, 1, message.length, stdout);
 *     ipcsup_ring_ack(&ring, &message);
 *   }                                                                 IPCSUP_RING_END: no writer is left
 *
 * Every function that can fail gives 0 or more when it did what it says, and less than 0 for an error; see
 * `ipcsup_ring_text`. An `ipcsup_ring` is for one thread at a time. Include this file before any other, or define
 * _GNU_SOURCE: it uses names of Linux that `-std=c11` hides. Linux, 64 bits, little-endian; GCC or Clang.
 */
#ifndef IPCSUP_RING_H
#define IPCSUP_RING_H

#if !defined(_FEATURES_H) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if !defined(__linux__) || UINTPTR_MAX < UINT64_MAX || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ipcsup_ring.h is for Linux, 64 bits, little-endian"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Where everything is: the numbers of ring-layout.md ---------------------------------------------------------- */

enum {
  IPCSUP_RING_VERSION_MAJOR = 1,
  IPCSUP_RING_VERSION_MINOR = 0,
  IPCSUP_RING_MOST_SLOTS = 32,

  IPCSUP_RING_MAGIC_LOW = 0x53435049,
  IPCSUP_RING_MAGIC_HIGH = 0x31525055,

  IPCSUP_RING_HEADER_MAGIC = 0x000,
  IPCSUP_RING_HEADER_VERSION = 0x008,
  IPCSUP_RING_HEADER_DATA_START = 0x00c,
  IPCSUP_RING_HEADER_CAPACITY = 0x010,
  IPCSUP_RING_HEADER_WRITERS = 0x014,
  IPCSUP_RING_HEADER_READERS = 0x018,
  IPCSUP_RING_HEADER_FLAGS = 0x01c,
  IPCSUP_RING_HEADER_BYTE_ORDER = 0x020,
  IPCSUP_RING_HEADER_ENDED = 0x040,
  IPCSUP_RING_HEADER_UNREAD = 0x044,
  IPCSUP_RING_HEADER_POISON = 0x080,
  IPCSUP_RING_HEADER_WRITER_SLOTS = 0x400,
  IPCSUP_RING_HEADER_READER_SLOTS = 0x600,

  IPCSUP_RING_SLOT_BYTES = 16,
  IPCSUP_RING_SLOT_EPOCH = 0,
  IPCSUP_RING_SLOT_ALIVE = 4,
  IPCSUP_RING_SLOT_FINISHED = 8,
  IPCSUP_RING_SLOT_NAME = 12,

  IPCSUP_RING_CONTROL_START = 0x1000,

  IPCSUP_RING_LANE_BYTES = 512,
  IPCSUP_RING_LANE_TAIL = 0,
  IPCSUP_RING_LANE_MARKS = 8,
  IPCSUP_RING_LANE_DROPPED = 32,
  IPCSUP_RING_LANE_STALLS = 40,
  IPCSUP_RING_LANE_OLDEST = 64,
  IPCSUP_RING_LANE_WAITING = 128,
  IPCSUP_RING_LANE_LOCK = 256,
  IPCSUP_RING_LANE_HEAD = 260,
  IPCSUP_RING_LANE_NEXT = 264,

  IPCSUP_RING_MARK_BYTES = 12,
  IPCSUP_RING_MARK_POSITION = 0,
  IPCSUP_RING_MARK_SEQUENCE_LOW = 4,
  IPCSUP_RING_MARK_SEQUENCE_HIGH = 8,

  IPCSUP_RING_READER_BYTES = 128,
  IPCSUP_RING_READER_WAITING = 0,

  IPCSUP_RING_CURSOR_BYTES = 128,
  IPCSUP_RING_CURSOR_HEAD = 0,
  IPCSUP_RING_CURSOR_MARKS = 8,
  IPCSUP_RING_CURSOR_MISSED = 32,
  IPCSUP_RING_CURSOR_CLAIMED = 64,
  IPCSUP_RING_CURSOR_POSITION = 68,
  IPCSUP_RING_CURSOR_END = 72,

  IPCSUP_RING_RECORD_BYTES = 16,
  IPCSUP_RING_RECORD_LENGTH = 0,
  IPCSUP_RING_RECORD_TAG = 4,
  IPCSUP_RING_RECORD_SEQUENCE_LOW = 8,
  IPCSUP_RING_RECORD_SEQUENCE_HIGH = 12,
  IPCSUP_RING_RECORD_ALIGNMENT = 16,

  IPCSUP_RING_TAG_BYTES = 1,
  IPCSUP_RING_TAG_TEXT = 2,
  IPCSUP_RING_TAG_JSON = 3,
  IPCSUP_RING_TAG_MSGPACK = 4,
  IPCSUP_RING_TAG_PADDING = 255,

  IPCSUP_RING_POISON_POSITION = 1,
  IPCSUP_RING_POISON_RECORD = 2,
  IPCSUP_RING_POISON_SEQUENCE = 3,
  IPCSUP_RING_POISON_CLAIM = 4,

  IPCSUP_RING_MODE_ONE = 0,
  IPCSUP_RING_MODE_EACH = 1,
  IPCSUP_RING_MODE_SHARE = 2,

  IPCSUP_RING_BAG_BYTES = 48,
  IPCSUP_RING_BAG_VERSION = 1
};

enum { IPCSUP_RING_WRITE = 0, IPCSUP_RING_READ = 1 };
enum { IPCSUP_RING_FULL_BLOCK = 0, IPCSUP_RING_FULL_DROP_NEW = 1, IPCSUP_RING_FULL_DROP_OLD = 2 };
enum { IPCSUP_RING_CODEC_BYTES = 0, IPCSUP_RING_CODEC_JSON = 1, IPCSUP_RING_CODEC_MSGPACK = 2 };

/* ---- What functions return --------------------------------------------------------------------------------------- */

enum {
  IPCSUP_RING_OK = 0,
  /** No message, or no room, now or within the time. */
  IPCSUP_RING_EMPTY = 1,
  /** Every writer is finished, and there is nothing left. */
  IPCSUP_RING_END = 2,
  /** There was no room, and the link says `full: 'drop-new'`: the message is counted and gone. */
  IPCSUP_RING_DROPPED = 3,
  /** A call of the system failed; `errno` has why. */
  IPCSUP_RING_SYSTEM = -1,
  IPCSUP_RING_NO_LINK = -2,
  IPCSUP_RING_NOT_A_RING = -3,
  IPCSUP_RING_VERSION = -4,
  IPCSUP_RING_MISMATCH = -5,
  IPCSUP_RING_TAKEN = -6,
  IPCSUP_RING_CORRUPT = -7,
  IPCSUP_RING_TOO_LARGE = -8,
  IPCSUP_RING_NO_READER = -9,
  IPCSUP_RING_WRONG_SIDE = -10,
  IPCSUP_RING_MISUSE = -11
};

/** What a code means, as a sentence. */
static inline const char *ipcsup_ring_text(int code) {
  switch (code) {
    case IPCSUP_RING_OK: return "It worked.";
    case IPCSUP_RING_EMPTY: return "There is no message, or no room for one, now.";
    case IPCSUP_RING_END: return "Every writer of the ring is finished, and there is no message left.";
    case IPCSUP_RING_DROPPED: return "The message was dropped, because the ring is full and its link says full: 'drop-new'.";
    case IPCSUP_RING_SYSTEM: return "A call of the system failed; errno says why.";
    case IPCSUP_RING_NO_LINK: return "This process has no such link: there is no IPCSUP_FD_<LINK> in its environment. Start it with ipcsup.";
    case IPCSUP_RING_NOT_A_RING: return "The descriptor is not an end of a ring, or its memory is not one.";
    case IPCSUP_RING_VERSION: return "The ring has a layout of another version than this program knows. Build it with the ipcsup_ring.h of the ipcsup that runs it.";
    case IPCSUP_RING_MISMATCH: return "The memory says another size than ipcsup: somebody wrote over its beginning.";
    case IPCSUP_RING_TAKEN: return "Another program of this process uses this end of the ring, and only one at a time can.";
    case IPCSUP_RING_CORRUPT: return "The memory of the ring is corrupt: somebody wrote where only ring programs may. It is given up by all; stop the link and start it anew.";
    case IPCSUP_RING_TOO_LARGE: return "The message is larger than half of the ring's capacity less 16 bytes.";
    case IPCSUP_RING_NO_READER: return "Every reader of the ring is finished: nobody would ever take the message.";
    case IPCSUP_RING_WRONG_SIDE: return "This end of the ring is for the other side: it is declared in the config.";
    case IPCSUP_RING_MISUSE: return "The call does not fit what came before: a reservation is open, or none is, or the message is not one of this ring's.";
    default: return "This is no code of ipcsup_ring.h.";
  }
}

/* ---- Types ------------------------------------------------------------------------------------------------------- */

/** What a ring looks like. */
typedef struct ipcsup_ring_geometry {
  uint32_t capacity; /* bytes of each lane */
  uint32_t writers, readers;
  uint32_t mode; /* IPCSUP_RING_MODE_… */
  uint32_t lossy;
} ipcsup_ring_geometry;

/** A message that was received. */
typedef struct ipcsup_ring_message {
  /**
   * Where it lies: valid until it is acknowledged; in a lossy ring, where it is a copy, until the next one is received. Other
   * programs can write to that memory: copy what must not change between two looks.
   */
  const void *bytes;
  uint32_t length;
  uint32_t tag;      /* IPCSUP_RING_TAG_… */
  uint64_t sequence; /* from 1, one more for each message of its writer, over all the writer's restarts */
  uint32_t writer;   /* which of the writers, from 0 */
  uint32_t end;      /* for ipcsup_ring_ack */
  uint64_t missed;   /* how many of its writer's messages were gone before this reader came to them, so far */
} ipcsup_ring_message;

/** What this program knows of a lane that it reads. Not for programs. */
typedef struct ipcsup_ring_lane {
  uint32_t position; /* of the next record to be given */
  uint32_t tail;     /* as last seen; in share mode the end of the claim */
  uint32_t acked;    /* everything before is done with */
  uint32_t head;     /* the same, as others have been told */
  uint32_t mark;     /* which of the two marks is to be written next */
  uint8_t is_fresh;  /* the next record may have any later sequence */
  uint8_t is_known;  /* share: an own claim of before was looked for */
  uint8_t is_claimed;
  uint8_t is_head_late; /* share: a claim is done with, but the head of the lane was not moved yet */
  uint64_t expected;    /* sequence of the record at `position` */
  uint64_t missed;
  uint64_t acked_sequence, acked_missed; /* as of `acked` */
} ipcsup_ring_lane;

/** One end. Programs may read `geometry`, `side`, `slot`, `full`, `codec`, `largest`. */
typedef struct ipcsup_ring {
  ipcsup_ring_geometry geometry;
  uint32_t side, slot, full, codec;
  uint32_t largest; /* bytes of the largest message */

  uint8_t *memory;
  size_t bytes;
  size_t data_start;
  int descriptor; /* of the memory; has the lock of the slot */
  int bell;
  int others[IPCSUP_RING_MOST_SLOTS];
  int failure; /* what every call answers from now on, or 0 */
  uint32_t spin_ns;

  /* A writer's. */
  uint32_t position, tail, mark, limit, oldest;
  uint32_t unpublished;
  uint32_t reserved; /* bytes; UINT32_MAX: there is no reservation */
  uint32_t reserved_at;
  uint64_t sequence;

  /* A reader's. */
  uint32_t turn;
  int is_held_up; /* share: somebody has the lock of a lane, and no bell says when it is free */
  uint8_t *copy;
  ipcsup_ring_lane lanes[IPCSUP_RING_MOST_SLOTS];
} ipcsup_ring;

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static inline uint32_t *ipcsup_ring__word(const ipcsup_ring *ring, size_t offset) {
  return (uint32_t *)(void *)(ring->memory + offset);
}

/** Seen by others no later than any later store, and after what was read and stored before. */
static inline void ipcsup_ring__set(ipcsup_ring *ring, size_t offset, uint32_t value) {
  __atomic_store_n(ipcsup_ring__word(ring, offset), value, __ATOMIC_RELEASE);
}

/** The same, and before every later load: of two programs that each publish and then load, one sees the other's. */
static inline void ipcsup_ring__publish(ipcsup_ring *ring, size_t offset, uint32_t value) {
  __atomic_store_n(ipcsup_ring__word(ring, offset), value, __ATOMIC_SEQ_CST);
}

static inline uint32_t ipcsup_ring__load(const ipcsup_ring *ring, size_t offset) {
  return __atomic_load_n(ipcsup_ring__word(ring, offset), __ATOMIC_SEQ_CST);
}

static inline uint32_t ipcsup_ring__peek(const ipcsup_ring *ring, size_t offset) {
  return __atomic_load_n(ipcsup_ring__word(ring, offset), __ATOMIC_RELAXED);
}

static inline int ipcsup_ring__exchange(ipcsup_ring *ring, size_t offset, uint32_t from, uint32_t to) {
  return __atomic_compare_exchange_n(ipcsup_ring__word(ring, offset), &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline uint64_t ipcsup_ring__long(const ipcsup_ring *ring, size_t offset) {
  return (uint64_t)ipcsup_ring__peek(ring, offset + 4) << 32 | ipcsup_ring__peek(ring, offset);
}

static inline void ipcsup_ring__set_long(ipcsup_ring *ring, size_t offset, uint64_t value) {
  ipcsup_ring__set(ring, offset, (uint32_t)value);
  ipcsup_ring__set(ring, offset + 4, (uint32_t)(value >> 32));
}

static inline size_t ipcsup_ring__lane_at(uint32_t writer) {
  return IPCSUP_RING_CONTROL_START + (size_t)writer * IPCSUP_RING_LANE_BYTES;
}

static inline size_t ipcsup_ring__reader_at(const ipcsup_ring_geometry *geometry, uint32_t reader) {
  return ipcsup_ring__lane_at(geometry->writers) + (size_t)reader * IPCSUP_RING_READER_BYTES;
}

static inline size_t ipcsup_ring__cursor_at(const ipcsup_ring_geometry *geometry, uint32_t writer, uint32_t reader) {
  return ipcsup_ring__reader_at(geometry, geometry->readers) +
         ((size_t)writer * geometry->readers + reader) * IPCSUP_RING_CURSOR_BYTES;
}

static inline size_t ipcsup_ring__slot_at(uint32_t side, uint32_t index) {
  return (side == IPCSUP_RING_WRITE ? (size_t)IPCSUP_RING_HEADER_WRITER_SLOTS : (size_t)IPCSUP_RING_HEADER_READER_SLOTS) +
         (size_t)index * IPCSUP_RING_SLOT_BYTES;
}

/** Where the data of the first lane begin. */
static inline size_t ipcsup_ring_data_start(const ipcsup_ring_geometry *geometry) {
  return (ipcsup_ring__cursor_at(geometry, geometry->writers, 0) + 4095) / 4096 * 4096;
}

/** Bytes of the whole memory. */
static inline size_t ipcsup_ring_bytes(const ipcsup_ring_geometry *geometry) {
  return ipcsup_ring_data_start(geometry) + (size_t)geometry->writers * geometry->capacity;
}

static inline size_t ipcsup_ring__data_at(const ipcsup_ring *ring, uint32_t writer) {
  return ring->data_start + (size_t)writer * ring->geometry.capacity;
}

/** Bytes of a record with its header; `length` at most the capacity. */
static inline uint32_t ipcsup_ring__size(uint32_t length) {
  return (IPCSUP_RING_RECORD_BYTES + length + IPCSUP_RING_RECORD_ALIGNMENT - 1) & ~(uint32_t)(IPCSUP_RING_RECORD_ALIGNMENT - 1);
}

/* ---- Bells and corruption ---------------------------------------------------------------------------------------- */

static inline void ipcsup_ring__ring(int bell) {
  uint64_t one = 1;
  /* A bell that cannot take more has rung already. */
  if (bell >= 0 && write(bell, &one, sizeof one) < 0) return;
}

static inline uint32_t ipcsup_ring__count_others(const ipcsup_ring *ring) {
  return ring->side == IPCSUP_RING_WRITE ? ring->geometry.readers : ring->geometry.writers;
}

static inline void ipcsup_ring__ring_all(ipcsup_ring *ring) {
  for (uint32_t index = 0; index < ipcsup_ring__count_others(ring); index++) ipcsup_ring__ring(ring->others[index]);
}

/** Where the other side says that it sleeps. */
static inline size_t ipcsup_ring__waiting_at(const ipcsup_ring *ring, uint32_t side, uint32_t index) {
  return side == IPCSUP_RING_WRITE ? ipcsup_ring__lane_at(index) + IPCSUP_RING_LANE_WAITING
                                   : ipcsup_ring__reader_at(&ring->geometry, index) + IPCSUP_RING_READER_WAITING;
}

/** Wakes one of the other side, if it sleeps. */
static inline void ipcsup_ring__wake(ipcsup_ring *ring, uint32_t index) {
  size_t at = ipcsup_ring__waiting_at(ring, ring->side == IPCSUP_RING_WRITE ? IPCSUP_RING_READ : IPCSUP_RING_WRITE, index);
  if (ipcsup_ring__load(ring, at) != 2) return;
  ipcsup_ring__publish(ring, at, 0);
  ipcsup_ring__ring(ring->others[index]);
}

/** Gives the ring up, for everybody. */
static inline int ipcsup_ring__poison(ipcsup_ring *ring, uint32_t why) {
  ipcsup_ring__exchange(ring, IPCSUP_RING_HEADER_POISON, 0, why);
  ipcsup_ring__ring_all(ring);
  return ring->failure = IPCSUP_RING_CORRUPT;
}

static inline int ipcsup_ring__check_poison(ipcsup_ring *ring) {
  if (ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_POISON) != 0) ring->failure = IPCSUP_RING_CORRUPT;
  return ring->failure;
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

static inline int64_t ipcsup_ring__now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void ipcsup_ring__pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

/** Takes what the own bell was rung, however often that was: each is 8 bytes, and would wake once more, for nothing. */
static inline ssize_t ipcsup_ring__silence(ipcsup_ring *ring) {
  uint64_t rings[512];
  return read(ring->bell, rings, sizeof rings);
}

/** Sleeps until the own bell rings. 0: the time is over; 1: it may have rung. */
static inline int ipcsup_ring__sleep(ipcsup_ring *ring, int timeout_ms) {
  struct pollfd polled;
  polled.fd = ring->bell;
  polled.events = POLLIN;
  polled.revents = 0;
  int found = poll(&polled, 1, timeout_ms);
  if (found > 0 && ipcsup_ring__silence(ring) < 0 && errno != EAGAIN) return ring->failure = IPCSUP_RING_SYSTEM;
  if (found < 0 && errno != EINTR) return ring->failure = IPCSUP_RING_SYSTEM;
  return found == 0 ? 0 : 1;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

/** A mark: the sequence of the record at `position`; 0 when no mark is of that position. Tells which mark is to be written next. */
static inline uint64_t ipcsup_ring__recover(const ipcsup_ring *ring, size_t marks, uint32_t position, uint32_t *next) {
  for (uint32_t index = 0; index < 2; index++) {
    size_t at = marks + index * IPCSUP_RING_MARK_BYTES;
    if (ipcsup_ring__peek(ring, at + IPCSUP_RING_MARK_POSITION) != position) continue;
    *next = 1 - index;
    return ipcsup_ring__long(ring, at + IPCSUP_RING_MARK_SEQUENCE_LOW);
  }
  return 0;
}

/** Its position first: a mark that is half written is of a position that is not yet true. */
static inline void ipcsup_ring__mark(ipcsup_ring *ring, size_t marks, uint32_t *next, uint32_t position, uint64_t sequence) {
  size_t at = marks + *next * IPCSUP_RING_MARK_BYTES;
  ipcsup_ring__set(ring, at + IPCSUP_RING_MARK_POSITION, position);
  ipcsup_ring__set_long(ring, at + IPCSUP_RING_MARK_SEQUENCE_LOW, sequence);
  *next = 1 - *next;
}

static inline int ipcsup_ring__is_position(const ipcsup_ring *ring, uint32_t position, uint32_t tail) {
  return position % IPCSUP_RING_RECORD_ALIGNMENT == 0 && tail - position <= ring->geometry.capacity;
}

static inline int ipcsup_ring__start_writer(ipcsup_ring *ring) {
  size_t lane = ipcsup_ring__lane_at(ring->slot);
  ring->tail = ring->position = ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_TAIL);
  ring->sequence = ipcsup_ring__recover(ring, lane + IPCSUP_RING_LANE_MARKS, ring->tail, &ring->mark);
  ring->limit = ring->tail; /* no room is known of yet */
  ring->reserved = UINT32_MAX;
  ring->oldest = ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_OLDEST);
  if (ring->tail % IPCSUP_RING_RECORD_ALIGNMENT != 0) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
  if (ring->sequence == 0) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
  if (ring->geometry.lossy && !ipcsup_ring__is_position(ring, ring->oldest, ring->tail)) {
    return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
  }
  ipcsup_ring__publish(ring, lane + IPCSUP_RING_LANE_WAITING, 0);
  return IPCSUP_RING_OK;
}

static inline int ipcsup_ring__start_reader(ipcsup_ring *ring) {
  for (uint32_t writer = 0; writer < ring->geometry.writers; writer++) {
    ipcsup_ring_lane *lane = &ring->lanes[writer];
    size_t cursor = ipcsup_ring__cursor_at(&ring->geometry, writer, ring->slot);
    if (ring->geometry.mode == IPCSUP_RING_MODE_SHARE) continue;
    uint32_t head = ipcsup_ring__load(ring, cursor + IPCSUP_RING_CURSOR_HEAD);
    lane->position = lane->tail = lane->acked = lane->head = head;
    lane->expected = ipcsup_ring__recover(ring, cursor + IPCSUP_RING_CURSOR_MARKS, head, &lane->mark);
    lane->acked_sequence = lane->expected;
    lane->missed = lane->acked_missed = ipcsup_ring__long(ring, cursor + IPCSUP_RING_CURSOR_MISSED + 8 * (1 - lane->mark));
    if (head % IPCSUP_RING_RECORD_ALIGNMENT != 0) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
    if (lane->expected == 0) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
  }
  if (ring->geometry.lossy && !(ring->copy = (uint8_t *)malloc(ring->largest + 1))) return IPCSUP_RING_SYSTEM;
  ipcsup_ring__publish(ring, ipcsup_ring__waiting_at(ring, IPCSUP_RING_READ, ring->slot), 0);
  return IPCSUP_RING_OK;
}

static inline int ipcsup_ring__check_geometry(const ipcsup_ring *ring) {
  const ipcsup_ring_geometry *geometry = &ring->geometry;
  uint32_t most = IPCSUP_RING_MOST_SLOTS;
  if (geometry->capacity < 4096 || geometry->capacity > 1u << 30 || (geometry->capacity & (geometry->capacity - 1)) != 0) return 0;
  if (geometry->writers < 1 || geometry->writers > most || geometry->readers < 1 || geometry->readers > most) return 0;
  if (geometry->mode > IPCSUP_RING_MODE_SHARE || (geometry->mode == IPCSUP_RING_MODE_SHARE && geometry->lossy)) return 0;
  if (ring->side > 1 || ring->full > 2 || ring->codec > 2) return 0;
  return ring->slot < (ring->side == IPCSUP_RING_WRITE ? geometry->writers : geometry->readers);
}

/** What the memory says, against what the supervisor said. */
static inline int ipcsup_ring__check_header(const ipcsup_ring *ring) {
  const ipcsup_ring_geometry *geometry = &ring->geometry;
  if (ipcsup_ring__load(ring, IPCSUP_RING_HEADER_MAGIC) != IPCSUP_RING_MAGIC_LOW ||
      ipcsup_ring__load(ring, IPCSUP_RING_HEADER_MAGIC + 4) != IPCSUP_RING_MAGIC_HIGH) {
    return IPCSUP_RING_NOT_A_RING;
  }
  if ((ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_VERSION) & 0xffff) != IPCSUP_RING_VERSION_MAJOR) return IPCSUP_RING_VERSION;
  return ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_BYTE_ORDER) == 0x01020304 &&
                 ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_DATA_START) == ipcsup_ring_data_start(geometry) &&
                 ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_CAPACITY) == geometry->capacity &&
                 ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_WRITERS) == geometry->writers &&
                 ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_READERS) == geometry->readers &&
                 ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_FLAGS) == (geometry->mode | (geometry->lossy ? 4u : 0u))
             ? IPCSUP_RING_OK
             : IPCSUP_RING_MISMATCH;
}

/**
 * An end over memory that is mapped already, with `geometry`, `side`, `slot`, `full` and the bells (-1: none) of `ring` filled
 * in by the caller. For tests; programs call ipcsup_ring_open.
 */
static inline int ipcsup_ring_attach(ipcsup_ring *ring, void *memory, size_t bytes) {
  int code;
  if (!ipcsup_ring__check_geometry(ring)) return IPCSUP_RING_NOT_A_RING;
  if (bytes < ipcsup_ring_bytes(&ring->geometry)) return IPCSUP_RING_MISMATCH;
  ring->memory = (uint8_t *)memory;
  ring->bytes = bytes;
  ring->data_start = ipcsup_ring_data_start(&ring->geometry);
  ring->largest = ring->geometry.capacity / 2 - IPCSUP_RING_RECORD_BYTES;
  ring->spin_ns = 50000;
  if ((code = ipcsup_ring__check_header(ring)) < 0) return code;
  if (ipcsup_ring__check_poison(ring) < 0) return ring->failure;
  code = ring->side == IPCSUP_RING_WRITE ? ipcsup_ring__start_writer(ring) : ipcsup_ring__start_reader(ring);
  /* One that was here before may have been killed between what it stored and the bell. */
  if (code == IPCSUP_RING_OK) ipcsup_ring__ring_all(ring);
  return code;
}

/** What the socket at `descriptor` has for whoever opens it; it stays there. How many descriptors it is, or an error. */
static inline int ipcsup_ring__peek_bag(int descriptor, uint8_t *bag, int *received) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * (2 + IPCSUP_RING_MOST_SLOTS))];
  } control;
  struct iovec vector;
  struct msghdr message;
  vector.iov_base = bag;
  vector.iov_len = IPCSUP_RING_BAG_BYTES;
  memset(&message, 0, sizeof message);
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t length = recvmsg(descriptor, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return errno == ENOTSOCK || errno == EAGAIN || errno == EBADF ? IPCSUP_RING_NOT_A_RING : IPCSUP_RING_SYSTEM;
  int count = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int here = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(received + count, CMSG_DATA(part), (size_t)here * sizeof(int));
    count += here;
  }
  if (length == IPCSUP_RING_BAG_BYTES && memcmp(bag, "IPCSUPB1", 8) == 0 && !(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) return count;
  while (count > 0) close(received[--count]);
  return IPCSUP_RING_NOT_A_RING;
}

static inline int ipcsup_ring__read_bag(ipcsup_ring *ring, const uint8_t *bag, int count) {
  uint32_t words[10];
  memcpy(words, bag + 8, sizeof words);
  if (words[0] != IPCSUP_RING_BAG_VERSION) return IPCSUP_RING_VERSION;
  ring->side = words[1];
  ring->slot = words[2];
  ring->geometry.capacity = words[3];
  ring->geometry.writers = words[4];
  ring->geometry.readers = words[5];
  ring->geometry.mode = words[6] & 3;
  ring->geometry.lossy = words[6] >> 2 & 1;
  ring->full = words[7];
  ring->codec = words[8];
  if (words[6] > 7 || !ipcsup_ring__check_geometry(ring)) return IPCSUP_RING_NOT_A_RING;
  return count == 2 + (int)ipcsup_ring__count_others(ring) ? IPCSUP_RING_OK : IPCSUP_RING_NOT_A_RING;
}

/** Opens the memory anew, because a lock belongs to an open description, takes the lock of the slot, and maps it. */
static inline int ipcsup_ring__map(ipcsup_ring *ring, int received) {
  char path[32];
  struct flock lock;
  struct stat status;
  snprintf(path, sizeof path, "/proc/self/fd/%d", received);
  ring->descriptor = open(path, O_RDWR | O_CLOEXEC);
  if (ring->descriptor < 0 || fstat(ring->descriptor, &status) < 0) return IPCSUP_RING_SYSTEM;
  size_t bytes = ipcsup_ring_bytes(&ring->geometry);
  if (!S_ISREG(status.st_mode) || (size_t)status.st_size < bytes) return IPCSUP_RING_MISMATCH;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = (off_t)ipcsup_ring__slot_at(ring->side, ring->slot);
  lock.l_len = 1;
#ifndef F_OFD_SETLK
#define F_OFD_SETLK 37
#endif
  /* A killed program has it as long as somebody looks at its memory, as ps does: longer than it can be waited for. */
  for (int turn = 0; fcntl(ring->descriptor, F_OFD_SETLK, &lock) < 0; turn++) {
    if (errno != EAGAIN && errno != EACCES) return IPCSUP_RING_SYSTEM;
    if (turn == 500) return IPCSUP_RING_TAKEN;
    poll(NULL, 0, 1);
  }
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->descriptor, 0);
  if (memory == MAP_FAILED) return IPCSUP_RING_SYSTEM;
  ring->memory = (uint8_t *)memory;
  ring->bytes = bytes;
  return IPCSUP_RING_OK;
}

static inline void ipcsup_ring__free(ipcsup_ring *ring) {
  int problem = errno;
  if (ring->memory) munmap(ring->memory, ring->bytes);
  if (ring->descriptor >= 0) close(ring->descriptor);
  if (ring->bell >= 0) close(ring->bell);
  for (uint32_t index = 0; index < IPCSUP_RING_MOST_SLOTS; index++) {
    if (ring->others[index] >= 0) close(ring->others[index]);
  }
  free(ring->copy);
  ring->memory = NULL;
  ring->copy = NULL;
  ring->failure = IPCSUP_RING_MISUSE;
  errno = problem;
}

static inline void ipcsup_ring__clear(ipcsup_ring *ring) {
  memset(ring, 0, sizeof *ring);
  ring->descriptor = ring->bell = -1;
  for (uint32_t index = 0; index < IPCSUP_RING_MOST_SLOTS; index++) ring->others[index] = -1;
}

/** Opens the end of which the descriptor is `descriptor`, which stays open. */
static inline int ipcsup_ring_open_descriptor(ipcsup_ring *ring, int descriptor) {
  uint8_t bag[IPCSUP_RING_BAG_BYTES];
  int received[2 + IPCSUP_RING_MOST_SLOTS];
  ipcsup_ring__clear(ring);
  ring->failure = IPCSUP_RING_MISUSE;
  int count = ipcsup_ring__peek_bag(descriptor, bag, received);
  if (count < 0) return count;
  int code = ipcsup_ring__read_bag(ring, bag, count);
  if (code == IPCSUP_RING_OK) {
    ring->bell = received[1];
    for (int index = 2; index < count; index++) ring->others[index - 2] = received[index];
    count = 1;
    code = ipcsup_ring__map(ring, received[0]);
  }
  while (count > 0) close(received[--count]);
  ring->failure = 0;
  if (code == IPCSUP_RING_OK) code = ipcsup_ring_attach(ring, ring->memory, ring->bytes);
  if (code < 0) ipcsup_ring__free(ring);
  return code;
}

/** The variable of a link: upper case, `_` for what is no letter or digit. */
static inline void ipcsup_ring__variable(char *text, size_t size, const char *link) {
  size_t length = (size_t)snprintf(text, size, "IPCSUP_FD_%s", link);
  for (size_t index = 10; index < length && index < size - 1; index++) {
    char letter = text[index];
    if (letter >= 'a' && letter <= 'z') text[index] = (char)(letter - 'a' + 'A');
    else if (!((letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9'))) text[index] = '_';
  }
}

/** Opens this process's end of `link`. Whatever it returns below 0, nothing stays open. */
static inline int ipcsup_ring_open(ipcsup_ring *ring, const char *link) {
  char variable[256];
  char *end;
  ipcsup_ring__variable(variable, sizeof variable, link);
  const char *value = getenv(variable);
  ipcsup_ring__clear(ring);
  ring->failure = IPCSUP_RING_MISUSE;
  if (!value) return IPCSUP_RING_NO_LINK;
  long descriptor = strtol(value, &end, 10);
  if (end == value || *end != 0 || descriptor < 0 || descriptor > INT32_MAX) return IPCSUP_RING_NO_LINK;
  return ipcsup_ring_open_descriptor(ring, (int)descriptor);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/** What was committed can be read from now on. */
static inline void ipcsup_ring_publish(ipcsup_ring *ring) {
  if (ring->failure || ring->side != IPCSUP_RING_WRITE || ring->position == ring->tail) return;
  size_t lane = ipcsup_ring__lane_at(ring->slot);
  ipcsup_ring__mark(ring, lane + IPCSUP_RING_LANE_MARKS, &ring->mark, ring->position, ring->sequence);
  ring->tail = ring->position;
  ring->unpublished = 0;
  ipcsup_ring__publish(ring, lane + IPCSUP_RING_LANE_TAIL, ring->tail);
  for (uint32_t index = 0; index < ring->geometry.readers; index++) ipcsup_ring__wake(ring, index);
}

/** Looks how far everybody has read. */
static inline int ipcsup_ring__look_for_room(ipcsup_ring *ring) {
  uint32_t farthest = 0;
  if (ipcsup_ring__check_poison(ring) < 0) return ring->failure;
  if (ring->geometry.mode == IPCSUP_RING_MODE_SHARE) {
    uint32_t head = ipcsup_ring__load(ring, ipcsup_ring__lane_at(ring->slot) + IPCSUP_RING_LANE_HEAD);
    if (!ipcsup_ring__is_position(ring, head, ring->tail)) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
    farthest = ring->tail - head;
  } else {
    for (uint32_t index = 0; index < ring->geometry.readers; index++) {
      if (ipcsup_ring__load(ring, ipcsup_ring__slot_at(IPCSUP_RING_READ, index) + IPCSUP_RING_SLOT_FINISHED) == 1) continue;
      uint32_t head = ipcsup_ring__load(ring, ipcsup_ring__cursor_at(&ring->geometry, ring->slot, index) + IPCSUP_RING_CURSOR_HEAD);
      if (!ipcsup_ring__is_position(ring, head, ring->tail)) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
      if (ring->tail - head > farthest) farthest = ring->tail - head;
    }
  }
  ring->limit = ring->tail - farthest + ring->geometry.capacity;
  return IPCSUP_RING_OK;
}

/** The record at `oldest` is given up: its size, or an error. */
static inline int64_t ipcsup_ring__measure_oldest(ipcsup_ring *ring) {
  uint32_t offset = ring->oldest & (ring->geometry.capacity - 1);
  size_t at = ipcsup_ring__data_at(ring, ring->slot) + offset;
  uint32_t length = ipcsup_ring__peek(ring, at + IPCSUP_RING_RECORD_LENGTH);
  if (length > ring->largest) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_RECORD);
  uint32_t size = ipcsup_ring__size(length);
  if (size > ring->tail - ring->oldest || size > ring->geometry.capacity - offset) {
    return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_RECORD);
  }
  return size;
}

/** Gives up the oldest records until there is room up to `end`. */
static inline int ipcsup_ring__give_up(ipcsup_ring *ring, uint32_t end) {
  if (end - ring->oldest <= ring->geometry.capacity) return IPCSUP_RING_OK;
  while (end - ring->oldest > ring->geometry.capacity) {
    /* What is given up is first published, so that nobody's sequence has a hole that no `oldest` tells of. */
    if (ring->oldest == ring->tail) ipcsup_ring_publish(ring);
    int64_t size = ipcsup_ring__measure_oldest(ring);
    if (size < 0) return (int)size;
    ring->oldest += (uint32_t)size;
    ipcsup_ring__set(ring, ipcsup_ring__lane_at(ring->slot) + IPCSUP_RING_LANE_OLDEST, ring->oldest);
  }
  /* The stores that overwrite them come after. */
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return IPCSUP_RING_OK;
}

static inline int ipcsup_ring__make_room(ipcsup_ring *ring, uint32_t end) {
  if (ring->geometry.lossy) return ipcsup_ring__give_up(ring, end);
  if ((int32_t)(ring->limit - end) >= 0) return IPCSUP_RING_OK;
  if (ipcsup_ring__look_for_room(ring) < 0) return ring->failure;
  return (int32_t)(ring->limit - end) >= 0 ? IPCSUP_RING_OK : IPCSUP_RING_EMPTY;
}

static inline void ipcsup_ring__set_record(ipcsup_ring *ring, size_t at, uint32_t length, uint32_t tag) {
  uint64_t *words = (uint64_t *)(void *)(ring->memory + at);
  __atomic_store_n(words, (uint64_t)tag << 32 | length, __ATOMIC_RELAXED);
  __atomic_store_n(words + 1, ring->sequence, __ATOMIC_RELAXED);
}

/** Room for a message of `length` bytes, at *payload, to be filled. IPCSUP_RING_EMPTY: there is none now. */
static inline int ipcsup_ring_try_reserve(ipcsup_ring *ring, uint32_t length, void **payload) {
  if (ring->failure) return ring->failure;
  if (ring->side != IPCSUP_RING_WRITE) return IPCSUP_RING_WRONG_SIDE;
  if (ring->reserved != UINT32_MAX) return IPCSUP_RING_MISUSE;
  if (length > ring->largest) return IPCSUP_RING_TOO_LARGE;
  if (ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_UNREAD) == 1) return IPCSUP_RING_NO_READER;
  uint32_t size = ipcsup_ring__size(length);
  uint32_t offset = ring->position & (ring->geometry.capacity - 1);
  uint32_t left = ring->geometry.capacity - offset;
  uint32_t padding = size > left ? left : 0;
  int code = ipcsup_ring__make_room(ring, ring->position + padding + size);
  if (code != IPCSUP_RING_OK) return code;
  if (padding) {
    ipcsup_ring__set_record(ring, ipcsup_ring__data_at(ring, ring->slot) + offset, padding - IPCSUP_RING_RECORD_BYTES, IPCSUP_RING_TAG_PADDING);
    offset = 0;
  }
  ring->reserved = length;
  ring->reserved_at = ring->position + padding;
  *payload = ring->memory + ipcsup_ring__data_at(ring, ring->slot) + offset + IPCSUP_RING_RECORD_BYTES;
  return IPCSUP_RING_OK;
}

/** Counts one of the writer's words of its lane up. */
static inline void ipcsup_ring__count(ipcsup_ring *ring, size_t offset, int is_long) {
  size_t at = ipcsup_ring__lane_at(ring->slot) + offset;
  if (is_long) ipcsup_ring__set_long(ring, at, ipcsup_ring__long(ring, at) + 1);
  else ipcsup_ring__set(ring, at, ipcsup_ring__peek(ring, at) + 1);
}

/**
 * The same, and while there is no room it does what the link says: waits, or IPCSUP_RING_DROPPED.
 *
 * @param timeout_ms at most that long, then IPCSUP_RING_EMPTY; -1: for ever
 */
static inline int ipcsup_ring_reserve(ipcsup_ring *ring, uint32_t length, void **payload, int timeout_ms) {
  int code = ipcsup_ring_try_reserve(ring, length, payload);
  if (code != IPCSUP_RING_EMPTY) return code;
  ipcsup_ring_publish(ring);
  if (ring->full != IPCSUP_RING_FULL_BLOCK) {
    ipcsup_ring__count(ring, IPCSUP_RING_LANE_DROPPED, 1);
    return IPCSUP_RING_DROPPED;
  }
  size_t waiting = ipcsup_ring__waiting_at(ring, IPCSUP_RING_WRITE, ring->slot);
  int64_t start = ipcsup_ring__now_ns();
  ipcsup_ring__count(ring, IPCSUP_RING_LANE_STALLS, 0);
  for (int turn = 0; code == IPCSUP_RING_EMPTY && turn < 32; turn++) {
    for (int empty = 0; empty < 64; empty++) ipcsup_ring__pause();
    code = ipcsup_ring_try_reserve(ring, length, payload);
  }
  while (code == IPCSUP_RING_EMPTY) {
    int left = timeout_ms < 0 ? -1 : (int)(timeout_ms - (ipcsup_ring__now_ns() - start) / 1000000);
    if (timeout_ms >= 0 && left <= 0) break;
    ipcsup_ring__publish(ring, waiting, 2);
    code = ipcsup_ring_try_reserve(ring, length, payload);
    if (code == IPCSUP_RING_EMPTY && ipcsup_ring__sleep(ring, left) < 0) code = ring->failure;
    ipcsup_ring__publish(ring, waiting, 0);
    if (code == IPCSUP_RING_EMPTY) code = ipcsup_ring_try_reserve(ring, length, payload);
  }
  return code;
}

/**
 * Sends what was reserved, or the first `length` bytes of it. It is published with others: at once when a reader waits for
 * it, else with the 16th, before the writer waits for room, and by ipcsup_ring_publish, which is to be called before the
 * program turns to something else.
 */
static inline int ipcsup_ring_commit(ipcsup_ring *ring, uint32_t length, uint32_t tag) {
  if (ring->failure) return ring->failure;
  if (ring->reserved == UINT32_MAX || length > ring->reserved) return IPCSUP_RING_MISUSE;
  uint32_t offset = ring->reserved_at & (ring->geometry.capacity - 1);
  ipcsup_ring__set_record(ring, ipcsup_ring__data_at(ring, ring->slot) + offset, length, tag);
  ring->reserved = UINT32_MAX;
  ring->position = ring->reserved_at + ipcsup_ring__size(length);
  ring->sequence++;
  if (++ring->unpublished >= 16) {
    ipcsup_ring_publish(ring);
    return IPCSUP_RING_OK;
  }
  for (uint32_t index = 0; index < ring->geometry.readers; index++) {
    if (ipcsup_ring__peek(ring, ipcsup_ring__waiting_at(ring, IPCSUP_RING_READ, index)) == 0) continue;
    ipcsup_ring_publish(ring);
    break;
  }
  return IPCSUP_RING_OK;
}

/** Sends a copy of `bytes` as what `tag` says, and publishes it. Waits as ipcsup_ring_reserve does. */
static inline int ipcsup_ring_send_tagged(ipcsup_ring *ring, const void *bytes, uint32_t length, uint32_t tag) {
  void *payload;
  int code = ipcsup_ring_reserve(ring, length, &payload, -1);
  if (code != IPCSUP_RING_OK) return code;
  if (length) memcpy(payload, bytes, length);
  code = ipcsup_ring_commit(ring, length, tag);
  ipcsup_ring_publish(ring);
  return code;
}

/** Sends bytes: IPCSUP_RING_OK, or IPCSUP_RING_DROPPED, or an error. Waits while there is no room. */
static inline int ipcsup_ring_send(ipcsup_ring *ring, const void *bytes, uint32_t length) {
  return ipcsup_ring_send_tagged(ring, bytes, length, IPCSUP_RING_TAG_BYTES);
}

/* ---- Acknowledging ----------------------------------------------------------------------------------------------- */

/** Tells others of what was acknowledged in a lane. */
static inline void ipcsup_ring__store_head(ipcsup_ring *ring, uint32_t writer) {
  ipcsup_ring_lane *lane = &ring->lanes[writer];
  if (lane->acked == lane->head || ring->failure) return;
  size_t cursor = ipcsup_ring__cursor_at(&ring->geometry, writer, ring->slot);
  ipcsup_ring__set_long(ring, cursor + IPCSUP_RING_CURSOR_MISSED + 8 * lane->mark, lane->acked_missed);
  ipcsup_ring__mark(ring, cursor + IPCSUP_RING_CURSOR_MARKS, &lane->mark, lane->acked, lane->acked_sequence);
  lane->head = lane->acked;
  ipcsup_ring__publish(ring, cursor + IPCSUP_RING_CURSOR_HEAD, lane->head);
  ipcsup_ring__wake(ring, writer);
}

/** Takes the lock of a lane; 0: somebody has it, less: the ring is corrupt. */
static inline int ipcsup_ring__lock(ipcsup_ring *ring, uint32_t writer) {
  size_t at = ipcsup_ring__lane_at(writer) + IPCSUP_RING_LANE_LOCK;
  for (int turn = 0; turn < 100; turn++) {
    uint32_t owner = ipcsup_ring__load(ring, at);
    if (owner == 0 && ipcsup_ring__exchange(ring, at, 0, ring->slot + 1)) return 1;
    if (owner > ring->geometry.readers) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_CLAIM);
    ipcsup_ring__pause();
  }
  ring->is_held_up = 1;
  return 0;
}

static inline void ipcsup_ring__unlock(ipcsup_ring *ring, uint32_t writer) {
  ipcsup_ring__publish(ring, ipcsup_ring__lane_at(writer) + IPCSUP_RING_LANE_LOCK, 0);
}

/** The three positions that the lock of a lane is for, looked at once. */
typedef struct ipcsup_ring__span {
  uint32_t head, next, tail;
} ipcsup_ring__span;

static inline int ipcsup_ring__read_span(ipcsup_ring *ring, uint32_t writer, ipcsup_ring__span *span) {
  size_t lane = ipcsup_ring__lane_at(writer);
  span->head = ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_HEAD);
  span->next = ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_NEXT);
  span->tail = ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_TAIL);
  if (ipcsup_ring__is_position(ring, span->head, span->tail) && span->tail % IPCSUP_RING_RECORD_ALIGNMENT == 0 &&
      ipcsup_ring__is_position(ring, span->next, span->tail) && span->next - span->head <= span->tail - span->head) {
    return IPCSUP_RING_OK;
  }
  return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
}

typedef struct ipcsup_ring__claim {
  uint32_t claimed, position, end;
} ipcsup_ring__claim;

static inline ipcsup_ring__claim ipcsup_ring__read_claim(const ipcsup_ring *ring, uint32_t writer, uint32_t reader) {
  size_t cursor = ipcsup_ring__cursor_at(&ring->geometry, writer, reader);
  ipcsup_ring__claim claim;
  claim.claimed = ipcsup_ring__load(ring, cursor + IPCSUP_RING_CURSOR_CLAIMED);
  claim.position = ipcsup_ring__load(ring, cursor + IPCSUP_RING_CURSOR_POSITION);
  claim.end = ipcsup_ring__load(ring, cursor + IPCSUP_RING_CURSOR_END);
  return claim;
}

static inline int ipcsup_ring__is_claim(const ipcsup_ring__claim *claim, const ipcsup_ring__span *span) {
  return claim->position % IPCSUP_RING_RECORD_ALIGNMENT == 0 && claim->end % IPCSUP_RING_RECORD_ALIGNMENT == 0 &&
         claim->position - span->head <= claim->end - span->head && claim->end - span->head <= span->next - span->head;
}

/** Under the lock: moves the head to the first position that somebody is still at. */
static inline int ipcsup_ring__move_head(ipcsup_ring *ring, uint32_t writer) {
  ipcsup_ring__span span;
  if (ipcsup_ring__read_span(ring, writer, &span) < 0) return ring->failure;
  uint32_t least = span.next - span.head;
  for (uint32_t reader = 0; reader < ring->geometry.readers; reader++) {
    ipcsup_ring__claim claim = ipcsup_ring__read_claim(ring, writer, reader);
    if (claim.claimed != 1) continue;
    /* A live reader moves its position on meanwhile, and may have had its last. */
    if (!ipcsup_ring__is_claim(&claim, &span)) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_CLAIM);
    if (claim.position - span.head < least) least = claim.position - span.head;
  }
  if (least == 0) return IPCSUP_RING_OK;
  ipcsup_ring__publish(ring, ipcsup_ring__lane_at(writer) + IPCSUP_RING_LANE_HEAD, span.head + least);
  return IPCSUP_RING_OK;
}

/** Moves the head of a lane once its lock is free. */
static inline void ipcsup_ring__settle(ipcsup_ring *ring, uint32_t writer) {
  ipcsup_ring_lane *lane = &ring->lanes[writer];
  if (!lane->is_head_late || ring->failure || ipcsup_ring__lock(ring, writer) != 1) return;
  if (ipcsup_ring__move_head(ring, writer) < 0) return;
  ipcsup_ring__unlock(ring, writer);
  lane->is_head_late = 0;
  ipcsup_ring__wake(ring, writer);
}

static inline void ipcsup_ring__ack_claim(ipcsup_ring *ring, uint32_t writer, uint32_t end) {
  ipcsup_ring_lane *lane = &ring->lanes[writer];
  size_t cursor = ipcsup_ring__cursor_at(&ring->geometry, writer, ring->slot);
  ipcsup_ring__set(ring, cursor + IPCSUP_RING_CURSOR_POSITION, end);
  lane->acked = end;
  if (end != lane->tail) {
    if (ipcsup_ring__peek(ring, ipcsup_ring__lane_at(writer) + IPCSUP_RING_LANE_WAITING) != 0) lane->is_head_late = 1;
    return;
  }
  ipcsup_ring__publish(ring, cursor + IPCSUP_RING_CURSOR_CLAIMED, 0);
  lane->is_claimed = 0;
  lane->is_head_late = 1;
}

/** Others know of everything that was sent, or acknowledged, so far. */
static inline void ipcsup_ring_flush(ipcsup_ring *ring) {
  if (ring->failure) return;
  if (ring->side == IPCSUP_RING_WRITE) {
    ipcsup_ring_publish(ring);
    return;
  }
  for (uint32_t writer = 0; writer < ring->geometry.writers; writer++) {
    if (ring->geometry.mode == IPCSUP_RING_MODE_SHARE) ipcsup_ring__settle(ring, writer);
    else ipcsup_ring__store_head(ring, writer);
  }
}

/**
 * Acknowledges the message and all before it of the same writer, soon: when a quarter of the ring is acknowledged, the lane is
 * read to its end, or by ipcsup_ring_flush. What a program that is killed before has acknowledged so comes again.
 */
static inline int ipcsup_ring_ack_soon(ipcsup_ring *ring, const ipcsup_ring_message *message) {
  if (ring->failure) return ring->failure;
  if (ring->side != IPCSUP_RING_READ) return IPCSUP_RING_WRONG_SIDE;
  if (message->writer >= ring->geometry.writers) return IPCSUP_RING_MISUSE;
  ipcsup_ring_lane *lane = &ring->lanes[message->writer];
  int is_shared = ring->geometry.mode == IPCSUP_RING_MODE_SHARE;
  if ((is_shared && !lane->is_claimed) || message->end - lane->acked > lane->position - lane->acked) return IPCSUP_RING_MISUSE;
  if (is_shared) {
    ipcsup_ring__ack_claim(ring, message->writer, message->end);
    return ring->failure;
  }
  lane->acked = message->end;
  lane->acked_sequence = message->sequence + 1;
  lane->acked_missed = message->missed;
  if (lane->acked - lane->head >= ring->geometry.capacity / 4) ipcsup_ring__store_head(ring, message->writer);
  return IPCSUP_RING_OK;
}

/** Acknowledges the message and all before it of the same writer: none of them comes again. */
static inline int ipcsup_ring_ack(ipcsup_ring *ring, const ipcsup_ring_message *message) {
  int code = ipcsup_ring_ack_soon(ring, message);
  if (code != IPCSUP_RING_OK) return code;
  if (ring->geometry.mode == IPCSUP_RING_MODE_SHARE) ipcsup_ring__settle(ring, message->writer);
  else ipcsup_ring__store_head(ring, message->writer);
  return ring->failure;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/** The head of a record, looked at once. */
typedef struct ipcsup_ring__head {
  uint32_t length, tag;
  uint64_t sequence;
} ipcsup_ring__head;

static inline ipcsup_ring__head ipcsup_ring__read_head(const ipcsup_ring *ring, uint32_t writer, uint32_t position) {
  size_t at = ipcsup_ring__data_at(ring, writer) + (position & (ring->geometry.capacity - 1));
  const uint64_t *words = (const uint64_t *)(const void *)(ring->memory + at);
  uint64_t first = __atomic_load_n(words, __ATOMIC_RELAXED);
  ipcsup_ring__head head;
  head.length = (uint32_t)first;
  head.tag = (uint32_t)(first >> 32);
  head.sequence = __atomic_load_n(words + 1, __ATOMIC_RELAXED);
  return head;
}

/** Bytes of a record that may be where it is, `left` bytes before the end of what may be read; 0: it may not. */
static inline uint32_t ipcsup_ring__fit(const ipcsup_ring *ring, const ipcsup_ring__head *head, uint32_t position, uint32_t left) {
  uint32_t room = ring->geometry.capacity - (position & (ring->geometry.capacity - 1));
  if (head->length > ring->largest) return 0;
  uint32_t size = ipcsup_ring__size(head->length);
  if (size > left || size > room) return 0;
  /* A padding fills its lane up, and is published with what comes after it. */
  if (head->tag == IPCSUP_RING_TAG_PADDING) return head->length + IPCSUP_RING_RECORD_BYTES == room && size < left ? size : 0;
  return head->tag >= IPCSUP_RING_TAG_BYTES && head->tag <= IPCSUP_RING_TAG_MSGPACK ? size : 0;
}

static inline int ipcsup_ring__is_next(const ipcsup_ring_lane *lane, uint64_t sequence) {
  return lane->is_fresh ? sequence >= lane->expected : sequence == lane->expected;
}

/** The record at the position of the lane, which is before its `tail`; not of a lossy ring. */
static inline int ipcsup_ring__take(ipcsup_ring *ring, uint32_t writer, ipcsup_ring_message *message) {
  ipcsup_ring_lane *lane = &ring->lanes[writer];
  for (int turn = 0; turn < 2; turn++) {
    ipcsup_ring__head head = ipcsup_ring__read_head(ring, writer, lane->position);
    uint32_t size = ipcsup_ring__fit(ring, &head, lane->position, lane->tail - lane->position);
    if (size == 0) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_RECORD);
    if (!ipcsup_ring__is_next(lane, head.sequence)) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_SEQUENCE);
    if (head.tag == IPCSUP_RING_TAG_PADDING) {
      lane->position += size;
      continue;
    }
    message->bytes = ring->memory + ipcsup_ring__data_at(ring, writer) + (lane->position & (ring->geometry.capacity - 1)) + IPCSUP_RING_RECORD_BYTES;
    message->length = head.length;
    message->tag = head.tag;
    message->sequence = head.sequence;
    message->writer = writer;
    message->missed = 0;
    message->end = lane->position + size;
    lane->position = message->end;
    lane->expected = head.sequence + 1;
    lane->is_fresh = 0;
    return IPCSUP_RING_OK;
  }
  return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_RECORD);
}

/** Looks how far the writer of a lane is. */
static inline int ipcsup_ring__refresh(ipcsup_ring *ring, uint32_t writer) {
  ipcsup_ring_lane *lane = &ring->lanes[writer];
  if (ipcsup_ring__check_poison(ring) < 0) return ring->failure;
  uint32_t tail = ipcsup_ring__load(ring, ipcsup_ring__lane_at(writer) + IPCSUP_RING_LANE_TAIL);
  if (tail % IPCSUP_RING_RECORD_ALIGNMENT != 0 || tail - lane->head > ring->geometry.capacity || tail - lane->head < lane->position - lane->head) {
    return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
  }
  lane->tail = tail;
  return IPCSUP_RING_OK;
}

/** `oldest` and then `tail` of a lossy lane, of one moment. 0: the writer is too fast for that. */
static inline int ipcsup_ring__read_bounds(ipcsup_ring *ring, uint32_t writer, uint32_t *oldest, uint32_t *tail) {
  size_t lane = ipcsup_ring__lane_at(writer);
  for (int turn = 0; turn < 64; turn++) {
    *oldest = ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_OLDEST);
    *tail = ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_TAIL);
    if (ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_OLDEST) != *oldest) continue;
    if (*tail % IPCSUP_RING_RECORD_ALIGNMENT == 0 && ipcsup_ring__is_position(ring, *oldest, *tail)) return 1;
    return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_POSITION);
  }
  return 0;
}

/** A copy of the next record of a lossy lane. What its writer overwrites meanwhile is void, and counted. */
static inline int ipcsup_ring__take_lossy(ipcsup_ring *ring, uint32_t writer, ipcsup_ring_message *message) {
  ipcsup_ring_lane *lane = &ring->lanes[writer];
  size_t oldest_at = ipcsup_ring__lane_at(writer) + IPCSUP_RING_LANE_OLDEST;
  if (ipcsup_ring__check_poison(ring) < 0) return ring->failure;
  for (int turn = 0; turn < 64; turn++) {
    uint32_t oldest, tail;
    int code = ipcsup_ring__read_bounds(ring, writer, &oldest, &tail);
    if (code != 1) return code < 0 ? code : IPCSUP_RING_EMPTY;
    if (tail - lane->position > tail - oldest) {
      lane->position = oldest;
      lane->is_fresh = 1;
    }
    if (lane->position == tail) return IPCSUP_RING_EMPTY;
    ipcsup_ring__head head = ipcsup_ring__read_head(ring, writer, lane->position);
    uint32_t size = ipcsup_ring__fit(ring, &head, lane->position, tail - lane->position);
    if (size && head.tag != IPCSUP_RING_TAG_PADDING) {
      memcpy(ring->copy, ring->memory + ipcsup_ring__data_at(ring, writer) + (lane->position & (ring->geometry.capacity - 1)) + IPCSUP_RING_RECORD_BYTES, head.length);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if ((int32_t)(lane->position - ipcsup_ring__load(ring, oldest_at)) < 0) continue;
    if (size == 0 || !ipcsup_ring__is_next(lane, head.sequence)) {
      /* Somebody who slept while 4 GiB went by may be anywhere. */
      if (lane->position == oldest) return ipcsup_ring__poison(ring, size == 0 ? IPCSUP_RING_POISON_RECORD : IPCSUP_RING_POISON_SEQUENCE);
      lane->position = oldest;
      lane->is_fresh = 1;
      continue;
    }
    lane->position += size;
    if (head.tag == IPCSUP_RING_TAG_PADDING) continue;
    lane->missed += head.sequence - lane->expected;
    lane->expected = head.sequence + 1;
    lane->is_fresh = 0;
    message->bytes = ring->copy;
    message->length = head.length;
    message->tag = head.tag;
    message->sequence = head.sequence;
    message->writer = writer;
    message->missed = lane->missed;
    message->end = lane->position;
    return IPCSUP_RING_OK;
  }
  return IPCSUP_RING_EMPTY;
}

/** A live writer of the slot? Only the host says so. */
static inline int ipcsup_ring__is_alive(const ipcsup_ring *ring, uint32_t reader) {
  return ipcsup_ring__load(ring, ipcsup_ring__slot_at(IPCSUP_RING_READ, reader) + IPCSUP_RING_SLOT_ALIVE) == 1;
}

static inline void ipcsup_ring__begin_claim(ipcsup_ring_lane *lane, uint32_t position, uint32_t end) {
  lane->position = lane->acked = position;
  lane->tail = end;
  lane->is_claimed = 1;
  lane->is_fresh = 1;
  lane->expected = 0;
}

static inline void ipcsup_ring__store_claim(ipcsup_ring *ring, uint32_t writer, uint32_t position, uint32_t end) {
  size_t cursor = ipcsup_ring__cursor_at(&ring->geometry, writer, ring->slot);
  ipcsup_ring__set(ring, cursor + IPCSUP_RING_CURSOR_POSITION, position);
  ipcsup_ring__set(ring, cursor + IPCSUP_RING_CURSOR_END, end);
  ipcsup_ring__publish(ring, cursor + IPCSUP_RING_CURSOR_CLAIMED, 1);
}

/** What the host does for a reader that died with the lock; here for one in whose place this program came. */
static inline void ipcsup_ring__repair(ipcsup_ring *ring, uint32_t writer) {
  size_t lane = ipcsup_ring__lane_at(writer);
  size_t cursor = ipcsup_ring__cursor_at(&ring->geometry, writer, ring->slot);
  if (ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_LOCK) != ring->slot + 1) return;
  ipcsup_ring__claim own = ipcsup_ring__read_claim(ring, writer, ring->slot);
  int is_void = own.claimed == 1 && (int32_t)(own.end - ipcsup_ring__load(ring, lane + IPCSUP_RING_LANE_NEXT)) > 0;
  for (uint32_t reader = 0; reader < ring->geometry.readers && own.claimed == 1; reader++) {
    ipcsup_ring__claim claim = ipcsup_ring__read_claim(ring, writer, reader);
    if (reader != ring->slot && claim.claimed == 1 && claim.end == own.end) is_void = 1;
  }
  if (is_void) ipcsup_ring__publish(ring, cursor + IPCSUP_RING_CURSOR_CLAIMED, 0);
  ipcsup_ring__unlock(ring, writer);
}

/** Under the lock, once: a claim that this reader's last incarnation left is given again. */
static inline int ipcsup_ring__resume(ipcsup_ring *ring, uint32_t writer, const ipcsup_ring__span *span) {
  ipcsup_ring_lane *lane = &ring->lanes[writer];
  ipcsup_ring__claim own = ipcsup_ring__read_claim(ring, writer, ring->slot);
  lane->is_known = 1;
  if (own.claimed != 1) return IPCSUP_RING_OK;
  if (!ipcsup_ring__is_claim(&own, span)) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_CLAIM);
  ipcsup_ring__begin_claim(lane, own.position, own.end);
  /* It was killed between its last acknowledgement and the end of its claim. */
  if (own.position == own.end) ipcsup_ring__ack_claim(ring, writer, own.end);
  return IPCSUP_RING_OK;
}

/** Under the lock: the claim of a reader that is dead. 1: there was one. */
static inline int ipcsup_ring__take_over(ipcsup_ring *ring, uint32_t writer, const ipcsup_ring__span *span) {
  for (uint32_t reader = 0; reader < ring->geometry.readers; reader++) {
    if (reader == ring->slot || ipcsup_ring__is_alive(ring, reader)) continue;
    ipcsup_ring__claim claim = ipcsup_ring__read_claim(ring, writer, reader);
    if (claim.claimed != 1) continue;
    if (!ipcsup_ring__is_claim(&claim, span)) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_CLAIM);
    size_t theirs = ipcsup_ring__cursor_at(&ring->geometry, writer, reader) + IPCSUP_RING_CURSOR_CLAIMED;
    if (claim.position == claim.end) {
      ipcsup_ring__publish(ring, theirs, 0);
      ring->lanes[writer].is_head_late = 1;
      continue;
    }
    ipcsup_ring__store_claim(ring, writer, claim.position, claim.end);
    ipcsup_ring__publish(ring, theirs, 0);
    ipcsup_ring__begin_claim(&ring->lanes[writer], claim.position, claim.end);
    return 1;
  }
  return 0;
}

/** Under the lock: the next records that nobody has. */
static inline int ipcsup_ring__claim_next(ipcsup_ring *ring, uint32_t writer, const ipcsup_ring__span *span) {
  uint32_t ends[64];
  uint32_t count = 0, end = span->next;
  while (end != span->tail && count < 64) {
    ipcsup_ring__head head = ipcsup_ring__read_head(ring, writer, end);
    uint32_t size = ipcsup_ring__fit(ring, &head, end, span->tail - end);
    if (size == 0) return ipcsup_ring__poison(ring, IPCSUP_RING_POISON_RECORD);
    end += size;
    if (head.tag != IPCSUP_RING_TAG_PADDING) ends[count++] = end;
  }
  if (count == 0) return IPCSUP_RING_OK;
  /* The others want some too. */
  end = ends[(count + ring->geometry.readers - 1) / ring->geometry.readers - 1];
  ipcsup_ring__store_claim(ring, writer, span->next, end);
  ipcsup_ring__publish(ring, ipcsup_ring__lane_at(writer) + IPCSUP_RING_LANE_NEXT, end);
  ipcsup_ring__begin_claim(&ring->lanes[writer], span->next, end);
  return IPCSUP_RING_OK;
}

/** Is there something in a lane that this reader of a share ring could have? */
static inline int ipcsup_ring__can_claim(const ipcsup_ring *ring, uint32_t writer) {
  const ipcsup_ring_lane *lane = &ring->lanes[writer];
  size_t at = ipcsup_ring__lane_at(writer);
  if (lane->is_claimed) return lane->position != lane->tail;
  if (!lane->is_known || lane->is_head_late) return 1;
  if (ipcsup_ring__load(ring, at + IPCSUP_RING_LANE_NEXT) != ipcsup_ring__load(ring, at + IPCSUP_RING_LANE_TAIL)) return 1;
  for (uint32_t reader = 0; reader < ring->geometry.readers; reader++) {
    if (reader == ring->slot || ipcsup_ring__is_alive(ring, reader)) continue;
    if (ipcsup_ring__load(ring, ipcsup_ring__cursor_at(&ring->geometry, writer, reader) + IPCSUP_RING_CURSOR_CLAIMED) == 1) return 1;
  }
  return 0;
}

/** Gets this reader a claim in a lane if it has none; one that others hold now is left for later. */
static inline int ipcsup_ring__claim_some(ipcsup_ring *ring, uint32_t writer) {
  ipcsup_ring_lane *lane = &ring->lanes[writer];
  ipcsup_ring__span span;
  if (ipcsup_ring__check_poison(ring) < 0) return ring->failure;
  if (lane->is_claimed || !ipcsup_ring__can_claim(ring, writer)) return IPCSUP_RING_OK;
  if (!lane->is_known) ipcsup_ring__repair(ring, writer);
  int code = ipcsup_ring__lock(ring, writer);
  if (code != 1) return code;
  /* After a failure the lock is left: the ring is given up. */
  if (ipcsup_ring__read_span(ring, writer, &span) < 0) return ring->failure;
  if (!lane->is_known && ipcsup_ring__resume(ring, writer, &span) < 0) return ring->failure;
  if (!lane->is_claimed && (code = ipcsup_ring__take_over(ring, writer, &span)) < 0) return code;
  if (!lane->is_claimed && ipcsup_ring__claim_next(ring, writer, &span) < 0) return ring->failure;
  int is_late = lane->is_head_late;
  if (is_late && ipcsup_ring__move_head(ring, writer) < 0) return ring->failure;
  ipcsup_ring__unlock(ring, writer);
  lane->is_head_late = 0;
  if (is_late) ipcsup_ring__wake(ring, writer);
  return IPCSUP_RING_OK;
}

/** The next message: IPCSUP_RING_OK, or IPCSUP_RING_EMPTY when there is none now. Does not wait. */
static inline int ipcsup_ring_next(ipcsup_ring *ring, ipcsup_ring_message *message) {
  if (ring->failure) return ring->failure;
  if (ring->side != IPCSUP_RING_READ) return IPCSUP_RING_WRONG_SIDE;
  ipcsup_ring_lane *lane = &ring->lanes[ring->turn];
  if (lane->position != lane->tail && !ring->geometry.lossy) return ipcsup_ring__take(ring, ring->turn, message);
  ring->is_held_up = 0;
  /* The others' turn comes when what there was in one is read. */
  for (uint32_t count = 0; count < ring->geometry.writers; count++) {
    int code = IPCSUP_RING_EMPTY;
    uint32_t writer = ring->turn = ring->turn + 1 >= ring->geometry.writers ? 0 : ring->turn + 1;
    lane = &ring->lanes[writer];
    if (ring->geometry.lossy) {
      code = ipcsup_ring__take_lossy(ring, writer, message);
    } else {
      if (ring->geometry.mode == IPCSUP_RING_MODE_SHARE) code = ipcsup_ring__claim_some(ring, writer);
      else if (lane->position == lane->tail) code = ipcsup_ring__refresh(ring, writer);
      if (code >= 0) code = lane->position == lane->tail ? IPCSUP_RING_EMPTY : ipcsup_ring__take(ring, writer, message);
    }
    if (code != IPCSUP_RING_EMPTY) return code;
    if (ring->geometry.mode != IPCSUP_RING_MODE_SHARE) ipcsup_ring__store_head(ring, writer);
  }
  return IPCSUP_RING_EMPTY;
}

/** Is there something to look at: a message, or a ring that was given up? Stores nothing. */
static inline int ipcsup_ring__has_next(const ipcsup_ring *ring) {
  if (ipcsup_ring__peek(ring, IPCSUP_RING_HEADER_POISON) != 0) return 1;
  for (uint32_t writer = 0; writer < ring->geometry.writers; writer++) {
    if (ring->geometry.mode == IPCSUP_RING_MODE_SHARE) {
      if (ipcsup_ring__can_claim(ring, writer)) return 1;
    } else if (ipcsup_ring__load(ring, ipcsup_ring__lane_at(writer) + IPCSUP_RING_LANE_TAIL) != ring->lanes[writer].position) {
      return 1;
    }
  }
  return 0;
}

static inline int ipcsup_ring__is_ended(const ipcsup_ring *ring) {
  /* Before the tails: whoever was a writer had published its last. */
  return ipcsup_ring__load(ring, IPCSUP_RING_HEADER_ENDED) == 1 && !ipcsup_ring__has_next(ring);
}

/** Looks again and again for some microseconds. 1: there is something. */
static inline int ipcsup_ring__spin(ipcsup_ring *ring, int64_t until) {
  do {
    for (int turn = 0; turn < 32; turn++) {
      if (ipcsup_ring__has_next(ring)) return 1;
      ipcsup_ring__pause();
    }
  } while (ipcsup_ring__now_ns() < until);
  return 0;
}

/**
 * After the sleep that came when spinning had not helped: fewer microseconds. But a wait that was over so soon would have
 * been over while spinning, had the other side not been asleep too, and nothing else would let both find back.
 */
static inline void ipcsup_ring__note_sleep(ipcsup_ring *ring, int64_t start) {
  if (ipcsup_ring__now_ns() - start < 250000) ring->spin_ns = 50000;
  else ring->spin_ns = ring->spin_ns / 2 < 2000 ? 2000 : ring->spin_ns / 2;
}

/** Waits for a message, until then or the end or the time is over; one look is always taken. */
static inline int ipcsup_ring__wait(ipcsup_ring *ring, int timeout_ms) {
  size_t waiting = ipcsup_ring__waiting_at(ring, IPCSUP_RING_READ, ring->slot);
  if (ring->is_held_up) {
    /* Of who has it for long: a reader that is stopped, or dead and not yet known to be. */
    poll(NULL, 0, 1);
    return ring->failure;
  }
  int64_t start = ipcsup_ring__now_ns();
  ipcsup_ring__publish(ring, waiting, 1);
  if (!ipcsup_ring__spin(ring, start + ring->spin_ns)) {
    ipcsup_ring__publish(ring, waiting, 2);
    int has_end = ipcsup_ring__load(ring, IPCSUP_RING_HEADER_ENDED) == 1;
    if (!ipcsup_ring__has_next(ring) && !has_end) ipcsup_ring__sleep(ring, timeout_ms);
    ipcsup_ring__note_sleep(ring, start);
  }
  ipcsup_ring__publish(ring, waiting, 0);
  return ring->failure;
}

/**
 * The next message: IPCSUP_RING_OK; IPCSUP_RING_END: every writer is finished, and there is none left. Waits for one.
 * What was acknowledged "soon" is told to others before it sleeps.
 *
 * @param timeout_ms at most that long, then IPCSUP_RING_EMPTY; -1: for ever
 */
static inline int ipcsup_ring_receive(ipcsup_ring *ring, ipcsup_ring_message *message, int timeout_ms) {
  int code = ipcsup_ring_next(ring, message);
  if (code != IPCSUP_RING_EMPTY) return code;
  int64_t start = timeout_ms < 0 ? 0 : ipcsup_ring__now_ns();
  for (;;) {
    int is_ended = ipcsup_ring__is_ended(ring);
    code = ipcsup_ring_next(ring, message);
    if (code != IPCSUP_RING_EMPTY) return code;
    if (is_ended) return IPCSUP_RING_END;
    int left = timeout_ms < 0 ? -1 : (int)(timeout_ms - (ipcsup_ring__now_ns() - start) / 1000000);
    if (timeout_ms >= 0 && left <= 0) return IPCSUP_RING_EMPTY;
    if (ipcsup_ring__wait(ring, left) < 0) return ring->failure;
  }
}

/* ---- The rest ---------------------------------------------------------------------------------------------------- */

/** Messages that were gone before this reader came to them, of all writers. */
static inline uint64_t ipcsup_ring_missed(const ipcsup_ring *ring) {
  uint64_t sum = 0;
  for (uint32_t writer = 0; writer < ring->geometry.writers; writer++) sum += ring->lanes[writer].missed;
  return sum;
}

/** Messages of this writer that were dropped, in all its incarnations. */
static inline uint64_t ipcsup_ring_dropped(const ipcsup_ring *ring) {
  return ipcsup_ring__long(ring, ipcsup_ring__lane_at(ring->slot) + IPCSUP_RING_LANE_DROPPED);
}

/** The sequence of the next message that this writer sends: a writer that was restarted continues where it was. */
static inline uint64_t ipcsup_ring_sequence(const ipcsup_ring *ring) {
  return ring->sequence;
}

/**
 * For a loop of the program's own: a descriptor to poll for reading, once ipcsup_ring_prepare_sleep said 1. After the poll,
 * whatever it found, call ipcsup_ring_end_sleep.
 */
static inline int ipcsup_ring_bell(const ipcsup_ring *ring) {
  return ring->bell;
}

/** 1: nothing is there, the other side will ring; 0: look first. At the side `write` only after IPCSUP_RING_EMPTY, and then 1. */
static inline int ipcsup_ring_prepare_sleep(ipcsup_ring *ring) {
  if (ring->failure) return 0;
  ipcsup_ring_flush(ring);
  ipcsup_ring__publish(ring, ipcsup_ring__waiting_at(ring, ring->side, ring->slot), 2);
  if (ring->side == IPCSUP_RING_WRITE) return 1;
  int has_end = ipcsup_ring__load(ring, IPCSUP_RING_HEADER_ENDED) == 1;
  return !ipcsup_ring__has_next(ring) && !has_end;
}

static inline void ipcsup_ring_end_sleep(ipcsup_ring *ring) {
  if (ring->failure) return;
  ipcsup_ring__publish(ring, ipcsup_ring__waiting_at(ring, ring->side, ring->slot), 0);
  if (ipcsup_ring__silence(ring) < 0) return;
}

/** Publishes what was committed, tells what was acknowledged, and gives everything back. A reservation is forgotten. */
static inline void ipcsup_ring_close(ipcsup_ring *ring) {
  if (!ring->memory) return;
  ipcsup_ring_flush(ring);
  ipcsup_ring__free(ring);
}

#ifdef __cplusplus
}
#endif

#endif
