// Processors: how many the machine has.

internal import Glibc

package enum Processors {
    /// Those that are switched on when the process starts, at least 1: sysconf(3). It may be allowed fewer.
    package static let count = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
