// Processors: how many this process may run on.

internal import Glibc

package enum Processors {
    /// Those that the process may use when it starts, at least 1: sysconf(3).
    package static let count = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
