// Arithmetic: sums and products of numbers that come from the disk, the base, the kernel or a user,
// which may be as large as their type allows. Swift's operators trap on overflow, and a crash of the
// daemon takes down all mounts. So arithmetic that may overflow is done with these functions.

extension FixedWidthInteger {
    /// Returns the sum, or the largest or smallest number of the type if it overflows.
    @inlinable package func adding(clamping other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// Returns the difference, or the smallest or largest number of the type if it overflows.
    @inlinable package func subtracting(clamping other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    /// Returns the product, or the largest or smallest number of the type if it overflows.
    @inlinable package func multiplied(clamping other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) != (other < 0) ? .min : .max) : product
    }

    /// Returns the next multiple of a power of two, or the last multiple of the type.
    @inlinable package func rounded(upTo power: Self) -> Self {
        let mask = power - 1
        return self > .max - mask ? .max - mask : (self + mask) & ~mask
    }
}

extension UInt64 {
    /// The number of 512-byte units for this many bytes, as in st_blocks.
    @inlinable package var blocksOf512: UInt64 { self / 512 + (self % 512 == 0 ? 0 : 1) }
}

extension Range where Bound == UInt64 {
    /// A range of `length` bytes from `offset` on, cut off at the largest number.
    @inlinable package init(at offset: UInt64, count length: UInt64) {
        self = offset..<offset.adding(clamping: length)
    }
}

extension Int64 {
    /// Converts a time in seconds and nanoseconds of any sign and size to nanoseconds. Returns the
    /// first or last representable moment if it overflows.
    @inlinable package init(seconds: Int64, nanoseconds: Int64) {
        self = seconds.multiplied(clamping: 1_000_000_000).adding(clamping: nanoseconds)
    }
}

extension UInt64 {
    /// Parses a number of decimal digits and nothing else.
    /// - Returns: Nil also if the number does not fit.
    package init?(digits: some Collection<UInt8>) {
        guard !digits.isEmpty, digits.count <= 20, digits.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        self.init(String(decoding: Array(digits), as: UTF8.self))
    }
}
