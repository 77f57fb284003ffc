// Sanitizer: the sanitizer that the tests were built with, as `scripts/test --sanitize` says.

package enum Sanitizer {
    /// "thread" or "address"; nil without one.
    package static let name = TestEnvironment.variable("DRAFTFS_TEST_SANITIZER")

    /// Whether there is one. Code then takes several times as long.
    package static let isOn = name != nil
}
