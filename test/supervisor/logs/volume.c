/* Writes as many pseudo-random lines, the same each time, as make the number of bytes given. */
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  uint64_t left = argc > 1 ? strtoull(argv[1], 0, 10) : 0, state = 88172645463325252ull;
  static char block[65536];
  while (left > 0) {
    size_t size = left < sizeof block ? left : sizeof block;
    for (size_t at = 0; at < sizeof block; at += 8) {
      state ^= state << 13; state ^= state >> 7; state ^= state << 17;
      for (int byte = 0; byte < 8; byte++) block[at + byte] = 'A' + ((state >> (8 * byte)) & 31);
      if ((state >> 60) < 2) block[at + 7] = '\n';
    }
    for (size_t done = 0; done < size;) {
      ssize_t written = write(1, block + done, size - done);
      if (written < 0) return 1;
      done += written;
    }
    left -= size;
  }
  return 0;
}
