// ScratchBuffer: a buffer for replies that each thread keeps between requests, so that a read does
// not allocate. Untouched pages use no memory. The buffer is freed when the thread ends.

internal import Glibc

struct ScratchBuffer: ~Copyable {
    let bytes: UnsafeMutableRawBufferPointer
    private let owned: Bool

    /// The longest reply that needs no allocation, which is also the longest read of the kernel.
    static let keptCapacity = 1 << 20
    private static let alignment = 4096

    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, { free($0) }) == 0 ? key : nil
    }()

    /// Returns nil for a negative capacity or if there is no memory.
    init?(_ capacity: Int) {
        guard capacity >= 0 else { return nil }
        if capacity <= ScratchBuffer.keptCapacity, let kept = ScratchBuffer.kept() {
            bytes = UnsafeMutableRawBufferPointer(start: kept, count: capacity)
            owned = false
            return
        }
        guard let memory = malloc(Swift.max(capacity, 1)) else { return nil }
        bytes = UnsafeMutableRawBufferPointer(start: memory, count: capacity)
        owned = true
    }

    deinit { if owned { free(bytes.baseAddress) } }

    private static func kept() -> UnsafeMutableRawPointer? {
        guard let key else { return nil }
        if let memory = pthread_getspecific(key) { return memory }
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, alignment, keptCapacity) == 0 else { return nil }
        guard pthread_setspecific(key, memory) == 0 else {
            free(memory)
            return nil
        }
        return memory
    }
}
