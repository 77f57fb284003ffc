// Counts what the calling thread does between two points, instruction by instruction: the processor
// traps after each (x86-64 alone), and a signal handler looks at the next one. The program needs no
// change for that, and the numbers are exact. 20 µs an instruction, so clocks must not matter.
#ifndef DRAFTFS_CSTEPPER_H
#define DRAFTFS_CSTEPPER_H
#include <stddef.h>
#include <stdint.h>

typedef struct cs_counts {
    uint64_t instructions;
    // Calls of malloc, calloc, realloc, posix_memalign and their kin, and the bytes asked for.
    uint64_t allocations, bytes;
    // Acquisitions of Swift's Mutex, and calls of pthread_mutex_lock(3), pthread_rwlock_rdlock(3) and kin.
    uint64_t locks;
    uint64_t system_calls;
    // What libfuse itself does of these, which is not in the numbers above.
    uint64_t fuse_allocations, fuse_bytes, fuse_locks;
} cs_counts_t;

enum { CS_ALLOCATION = 1, CS_LOCK = 2, CS_SYSTEM_CALL = 3 };
enum { CS_MOST_SITES = 48, CS_MOST_EVENTS = 8192 };

typedef struct cs_event {
    int kind, by_fuse;
    uint64_t detail;                  // bytes of an allocation, number of a system call
    int count;
    uintptr_t sites[CS_MOST_SITES];   // addresses inside the calls that led here, innermost first
} cs_event_t;

// 0; -1 where instructions cannot be stepped through.
int cs_prepare(void);
void cs_begin(void);
void cs_end(cs_counts_t *counts);
// What was met between the two, in order; what is beyond CS_MOST_EVENTS is counted only.
size_t cs_event_count(void);
const cs_event_t *cs_event(size_t index);
// How often the instruction at each address was met; 0 ends them.
typedef struct cs_place { uintptr_t address; uint64_t count; } cs_place_t;
cs_place_t cs_next_place(size_t *position);
// An address as addr2line(1) takes it for the program's file; 0 for one in a library.
uintptr_t cs_offset(uintptr_t address);
// The function of a library that an address lies in, else the library, or NULL.
const char *cs_function(uintptr_t address);
#endif
