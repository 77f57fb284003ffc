// The slow way of Swift's Mutex, for builds with ThreadSanitizer alone. The one in libswiftSynchronization
// waits for FUTEX_LOCK_PI: the kernel hands the lock over, and the sanitizer, which sees neither the library
// nor the kernel, takes two holders of one contended lock for a race. The fast way is compiled into the
// caller, where the sanitizer sees it. This one takes the lock as the fast way does, and leaves no mark that
// threads wait, so unlocking is always the fast way.
//
// stdlib/public/Synchronization/Mutex/LinuxImpl.swift of swift has both ways and the word: 0, or the id of
// the thread that holds the lock.

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)

#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

// Synchronization._MutexHandle._lockSlow(UInt32): this definition goes before that of the library.
__attribute__((swiftcall)) void cp_mutex_lock_slow(
    uint32_t self, __attribute__((swift_context)) _Atomic uint32_t *word)
    __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");

__attribute__((swiftcall)) void cp_mutex_lock_slow(
    uint32_t self, __attribute__((swift_context)) _Atomic uint32_t *word) {
    for (;;) {
        uint32_t held = 0;
        if (atomic_compare_exchange_strong_explicit(
                word, &held, self, memory_order_acquire, memory_order_relaxed)) {
            return;
        }
        // The library's way traps too: this thread holds the lock, and would wait forever.
        if ((held & 0x3fffffff) == self) __builtin_trap();
        usleep(20);
    }
}

#endif
#endif
