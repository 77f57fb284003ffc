// ThreadLocal: an object of each thread, made at the thread's first use of it and released when the thread
// ends (pthread_key_create(3)).

import Glibc

package final class ThreadLocal<Value: AnyObject>: Sendable {
    /// Nil if the process has no key left. Each use then makes an object of its own.
    private let key: pthread_key_t?
    private let make: @Sendable () -> Value

    package init(_ make: @escaping @Sendable () -> Value) {
        self.make = make
        var key = pthread_key_t()
        let result = pthread_key_create(&key) { object in
            if let object { Unmanaged<AnyObject>.fromOpaque(object).release() }
        }
        self.key = result == 0 ? key : nil
    }

    // Objects of threads that still run are not released: use one instance for the life of the process.
    deinit { if let key { pthread_key_delete(key) } }

    /// The object of the calling thread.
    package var value: Value {
        guard let key else { return make() }
        if let known = pthread_getspecific(key) {
            return Unmanaged<Value>.fromOpaque(known).takeUnretainedValue()
        }
        let fresh = make()
        let object = Unmanaged.passRetained(fresh)
        if pthread_setspecific(key, object.toOpaque()) != 0 { object.release() }
        return fresh
    }
}
