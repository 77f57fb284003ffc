// CStepper: counts what the calling thread does between two points. The processor traps after each
// instruction (x86-64 only), and a signal handler inspects the next one. The program needs no change, and
// the numbers are exact. An instruction takes 20 µs, so the result must not depend on clocks.
#ifndef DRAFTFS_CSTEPPER_H
#define DRAFTFS_CSTEPPER_H
#include <stddef.h>
#include <stdint.h>

typedef struct cs_counts {
    uint64_t instructions;
    // Calls of malloc, calloc, realloc, posix_memalign and similar functions, and the requested bytes.
    uint64_t allocations, bytes;
    // Acquisitions of Swift's Mutex, and calls of pthread_mutex_lock(3), pthread_rwlock_rdlock(3) and
    // others.
    uint64_t locks;
    uint64_t system_calls;
    // The allocations, bytes and locks of libfuse itself, which the numbers above do not include.
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

// Returns 0, or -1 if this host cannot single-step.
int cs_prepare(void);
void cs_begin(void);
void cs_end(cs_counts_t *counts);
// The events between cs_begin and cs_end, in order. Events after the first CS_MOST_EVENTS are only counted.
size_t cs_event_count(void);
const cs_event_t *cs_event(size_t index);
// How often the instruction at each address was executed. An address of 0 ends the iteration.
typedef struct cs_place { uintptr_t address; uint64_t count; } cs_place_t;
cs_place_t cs_next_place(size_t *position);
// Converts an address of the program for addr2line(1). Returns 0 for an address in a library.
uintptr_t cs_offset(uintptr_t address);
// Returns the function of a library that contains the address, else the file name of the library, or NULL.
const char *cs_function(uintptr_t address);
#endif
