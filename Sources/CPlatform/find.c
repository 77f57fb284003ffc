// Finds bytes in bytes. Four bytes of the needle are compared at 64 positions at once. Where all four
// match, the rest is compared. The caller chooses the four bytes: those that match rarely.

#define _GNU_SOURCE
#include "CPlatform.h"
#include <string.h>

int64_t cp_find(const void *bytes, size_t count, const void *needle, size_t needle_count) {
    const char *place = memmem(bytes, count, needle, needle_count);
    return place ? place - (const char *)bytes : -1;
}

// As cp_find from `start` on. The result is a position from the front.
static int64_t find_from(
    size_t start, const uint8_t *bytes, size_t count, const uint8_t *needle, size_t needle_count) {
    int64_t found = cp_find(bytes + start, count - start, needle, needle_count);
    return found < 0 ? -1 : found + (int64_t)start;
}

typedef uint8_t vector __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static inline vector equal(const uint8_t *bytes, vector wanted) {
    vector loaded;
    memcpy(&loaded, bytes, sizeof loaded);
    return (vector)(loaded == wanted);
}

int64_t cp_find_by_four(
    const uint8_t *bytes, size_t count, const uint8_t *needle, size_t needle_count,
    const uint32_t positions[4]) {
    size_t start = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (needle_count == 0 || needle_count > count) return needle_count == 0 ? 0 : -1;
    // The end of the positions at which the needle can begin.
    size_t end = count - needle_count + 1;
    // Bounds the cost if the four bytes match nearly everywhere: each failure may compare the whole
    // needle. After that many failures, memmem takes over, whose cost is bounded.
    size_t failures_left = count / (needle_count > 32 ? needle_count : 32) + 64;
    size_t at[4];
    vector wanted[4];
    for (int place = 0; place < 4; place++) {
        at[place] = positions[place] < needle_count ? positions[place] : needle_count - 1;
        wanted[place] = (vector){0} + needle[at[place]];
    }
    for (; start + 64 <= end; start += 64) {
        const uint8_t *here = bytes + start;
        vector fits[4];
        for (int part = 0; part < 4; part++) {
            fits[part] = equal(here + at[0] + 16 * part, wanted[0])
                & equal(here + at[1] + 16 * part, wanted[1]);
        }
        halves any = (halves)(fits[0] | fits[1] | fits[2] | fits[3]);
        if ((any[0] | any[1]) == 0) continue;
        for (int part = 0; part < 4; part++) {
            halves fit = (halves)(fits[part] & equal(here + at[2] + 16 * part, wanted[2])
                & equal(here + at[3] + 16 * part, wanted[3]));
            for (int half = 0; half < 2; half++) {
                // A byte of ones for each position that matches, the first position lowest.
                uint64_t bits = fit[half];
                while (bits != 0) {
                    int lane = __builtin_ctzll(bits) / 8;
                    bits &= ~((uint64_t)0xff << (8 * lane));
                    size_t place = start + 16 * (size_t)part + 8 * (size_t)half + (size_t)lane;
                    if (memcmp(bytes + place, needle, needle_count) == 0) return (int64_t)place;
                    if (failures_left-- == 0) return find_from(place, bytes, count, needle, needle_count);
                }
            }
        }
    }
#else
    (void)positions;
#endif
    return find_from(start, bytes, count, needle, needle_count);
}
