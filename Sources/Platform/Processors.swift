// Processors: the number of processors of the machine.

internal import Glibc

package enum Processors {
    /// The number of processors online at the first use, at least 1 (sysconf(3)). The process may be
    /// allowed fewer.
    package static let count = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
