// stepper.c: single-steps the calling thread with the processor's trap flag, and counts in the handler of
// SIGTRAP. CStepper.h documents the interface.
#define _GNU_SOURCE
#include "CStepper.h"
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

typedef struct { uintptr_t start, end; } range_t;

enum { MOST_RANGES = 16, MOST_CALLS = 512, MOST_PLACES = 1 << 16, TRAP_FLAG = 0x100 };
enum { SIZE_FIRST, SIZE_SECOND, SIZE_THIRD, SIZE_PRODUCT };

static struct { const char *name; int size; uintptr_t address; } allocators[] = {
    {"malloc", SIZE_FIRST, 0}, {"calloc", SIZE_PRODUCT, 0}, {"realloc", SIZE_SECOND, 0},
    {"posix_memalign", SIZE_THIRD, 0}, {"aligned_alloc", SIZE_SECOND, 0}, {"memalign", SIZE_SECOND, 0},
    {"valloc", SIZE_FIRST, 0}, {"pvalloc", SIZE_FIRST, 0},
};
static struct { const char *name; uintptr_t address; } lockers[] = {
    {"pthread_mutex_lock", 0}, {"pthread_mutex_trylock", 0}, {"pthread_mutex_timedlock", 0},
    {"pthread_rwlock_rdlock", 0}, {"pthread_rwlock_wrlock", 0}, {"pthread_rwlock_tryrdlock", 0},
    {"pthread_rwlock_trywrlock", 0}, {"pthread_spin_lock", 0},
};
enum { ALLOCATORS = sizeof allocators / sizeof *allocators, LOCKERS = sizeof lockers / sizeof *lockers };

static range_t program[MOST_RANGES], fuse[MOST_RANGES];
static size_t program_ranges, fuse_ranges;
static uintptr_t program_bias;

// The state of the watched thread. The signal handler runs on the same thread.
static volatile int active;
static cs_counts_t counted;
static cs_event_t events[CS_MOST_EVENTS];
static size_t event_count;
// A hash table by address with linear probing.
static cs_place_t places[MOST_PLACES];
// The calls in progress: the return address of each call, and the place of that address on the stack.
static struct { uintptr_t back, place; } calls[MOST_CALLS];
static size_t depth;
static uintptr_t last_instruction, last_stack;
// The stack pointer at the entry of an allocator or a locking function, else 0. The calls that such a
// function makes itself are not counted.
static uintptr_t inside;

static int is_in(const range_t *ranges, size_t count, uintptr_t address) {
    for (size_t i = 0; i < count; i++)
        if (address >= ranges[i].start && address < ranges[i].end) return 1;
    return 0;
}

static int note_module(struct dl_phdr_info *info, size_t size, void *first) {
    (void)size;
    int is_program = *(int *)first;
    *(int *)first = 0;
    if (is_program) program_bias = info->dlpi_addr;
    else if (!strstr(info->dlpi_name, "/libfuse3.so")) return 0;
    range_t *ranges = is_program ? program : fuse;
    size_t *count = is_program ? &program_ranges : &fuse_ranges;
    for (int i = 0; i < info->dlpi_phnum && *count < MOST_RANGES; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X)) continue;
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        ranges[(*count)++] = (range_t){start, start + header->p_memsz};
    }
    return 0;
}

uintptr_t cs_offset(uintptr_t address) {
    return is_in(program, program_ranges, address) ? address - program_bias : 0;
}

const char *cs_function(uintptr_t address) {
    Dl_info found;
    if (!dladdr((void *)address, &found)) return NULL;
    if (found.dli_sname || !found.dli_fname) return found.dli_sname;
    const char *slash = strrchr(found.dli_fname, '/');
    return slash ? slash + 1 : found.dli_fname;
}

cs_place_t cs_next_place(size_t *position) {
    while (*position < MOST_PLACES) {
        cs_place_t place = places[(*position)++];
        if (place.address != 0) return place;
    }
    return (cs_place_t){0};
}

size_t cs_event_count(void) { return event_count; }
const cs_event_t *cs_event(size_t index) { return &events[index]; }

#if defined(__x86_64__)

static void keep(int kind, int by_fuse, uint64_t detail, uintptr_t at) {
    if (event_count >= CS_MOST_EVENTS) return;
    cs_event_t *event = &events[event_count++];
    *event = (cs_event_t){.kind = kind, .by_fuse = by_fuse, .detail = detail};
    if (at) event->sites[event->count++] = at;
    // The byte before the return address belongs to the call instruction.
    for (size_t i = depth; i > 0 && event->count < CS_MOST_SITES; i--)
        event->sites[event->count++] = calls[i - 1].back - 1;
}

static void count_place(uintptr_t instruction) {
    size_t slot = instruction * 0x9e3779b97f4a7c15u >> 48;
    for (size_t tries = 0; tries < MOST_PLACES; tries++, slot++) {
        cs_place_t *place = &places[slot % MOST_PLACES];
        if (place->address != 0 && place->address != instruction) continue;
        place->address = instruction;
        place->count++;
        return;
    }
}

// Updates `calls` from the stack alone: a call instruction pushes the address of the next instruction.
static void follow(uintptr_t instruction, uintptr_t stack) {
    while (depth > 0 && calls[depth - 1].place < stack) depth--;
    if (stack != last_stack - 8 || depth >= MOST_CALLS) return;
    uintptr_t back = *(uintptr_t *)stack;
    if (back <= last_instruction || back > last_instruction + 15 || back == instruction) return;
    calls[depth].back = back;
    calls[depth++].place = stack;
}

// Whether the instruction acquires a Mutex of Swift: a 32-bit `lock cmpxchg` that expects 0. An unlock
// expects the thread's number instead, and reference counts have 64 bits. The caller passes instructions of
// the program only, because the C library guards its own state in the same way.
static int takes_mutex(const uint8_t *code, const greg_t *registers) {
    int is_locked = 0, is_other_size = 0;
    for (;; code++) {
        if (*code == 0xf0) is_locked = 1;
        else if (*code == 0x66) is_other_size = 1;
        else if (*code != 0xf2 && *code != 0xf3 && *code != 0x2e && *code != 0x64 && *code != 0x65) break;
    }
    if ((*code & 0xf0) == 0x40) {
        if (*code & 8) is_other_size = 1;
        code++;
    }
    return is_locked && !is_other_size && code[0] == 0x0f && code[1] == 0xb1
        && (uint32_t)registers[REG_RAX] == 0;
}

static void enter_function(uintptr_t instruction, uintptr_t stack, const greg_t *registers) {
    int by_fuse = is_in(fuse, fuse_ranges, *(uintptr_t *)stack);
    for (size_t i = 0; i < ALLOCATORS; i++) {
        if (instruction != allocators[i].address) continue;
        uint64_t first = (uint64_t)registers[REG_RDI], second = (uint64_t)registers[REG_RSI];
        int size = allocators[i].size;
        uint64_t bytes = size == SIZE_FIRST ? first : size == SIZE_SECOND ? second
            : size == SIZE_THIRD ? (uint64_t)registers[REG_RDX] : first * second;
        *(by_fuse ? &counted.fuse_allocations : &counted.allocations) += 1;
        *(by_fuse ? &counted.fuse_bytes : &counted.bytes) += bytes;
        keep(CS_ALLOCATION, by_fuse, bytes, 0);
        inside = stack;
        return;
    }
    for (size_t i = 0; i < LOCKERS; i++) {
        if (instruction != lockers[i].address) continue;
        *(by_fuse ? &counted.fuse_locks : &counted.locks) += 1;
        keep(CS_LOCK, by_fuse, 0, 0);
        inside = stack;
        return;
    }
}

static void step(int signal, siginfo_t *info, void *raw) {
    (void)signal;
    (void)info;
    greg_t *registers = ((ucontext_t *)raw)->uc_mcontext.gregs;
    if (!active) {
        registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
        return;
    }
    uintptr_t instruction = (uintptr_t)registers[REG_RIP], stack = (uintptr_t)registers[REG_RSP];
    const uint8_t *code = (const uint8_t *)instruction;
    // An instruction with a rep prefix traps once for each repetition.
    if (instruction == last_instruction && (*code == 0xf2 || *code == 0xf3)) return;
    counted.instructions++;
    count_place(instruction);
    follow(instruction, stack);
    last_instruction = instruction;
    last_stack = stack;
    if (inside != 0 && stack > inside) inside = 0;
    if (code[0] == 0x0f && code[1] == 0x05) {
        counted.system_calls++;
        keep(CS_SYSTEM_CALL, 0, (uint64_t)registers[REG_RAX], instruction);
    } else if (inside == 0) {
        enter_function(instruction, stack, registers);
        if (is_in(program, program_ranges, instruction) && takes_mutex(code, registers)) {
            counted.locks++;
            keep(CS_LOCK, 0, 0, instruction);
        }
    }
}

int cs_prepare(void) {
    int first = 1;
    dl_iterate_phdr(note_module, &first);
    if (program_ranges == 0 || fuse_ranges == 0) return -1;
    for (size_t i = 0; i < ALLOCATORS; i++)
        allocators[i].address = (uintptr_t)dlsym(RTLD_DEFAULT, allocators[i].name);
    for (size_t i = 0; i < LOCKERS; i++)
        lockers[i].address = (uintptr_t)dlsym(RTLD_DEFAULT, lockers[i].name);
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
    return sigaction(SIGTRAP, &action, NULL);
}

void cs_begin(void) {
    counted = (cs_counts_t){0};
    memset(places, 0, sizeof places);
    event_count = depth = 0;
    inside = last_instruction = last_stack = 0;
    active = 1;
    // Skips the red zone: the compiler may keep data in the 128 bytes below the stack pointer.
    __asm__ volatile("leaq -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; leaq 128(%%rsp), %%rsp"
                     ::: "memory", "cc");
}

void cs_end(cs_counts_t *counts) {
    active = 0;
    *counts = counted;
}

#else

int cs_prepare(void) { return -1; }
void cs_begin(void) {}
void cs_end(cs_counts_t *counts) { *counts = (cs_counts_t){0}; }

#endif
