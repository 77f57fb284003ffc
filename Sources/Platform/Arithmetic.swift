// Arithmetic: sums and products of numbers that come from the disk, the base, the kernel or a user.
// Any of them may be as large as its type holds. Swift's own operators trap there, and a daemon that
// dies takes all mounts with it: what cannot be told from the type to fit is done here.

extension FixedWidthInteger {
    /// The sum, or the largest or smallest number of the type where it does not fit.
    @inlinable package func adding(clamping other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the smallest or largest number of the type where it does not fit.
    @inlinable package func subtracting(clamping other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    /// The product, or the largest or smallest number of the type where it does not fit.
    @inlinable package func multiplied(clamping other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) != (other < 0) ? .min : .max) : product
    }

    /// The next multiple of a power of two, or the last one of the type.
    @inlinable package func rounded(upTo power: Self) -> Self {
        let mask = power - 1
        return self > .max - mask ? .max - mask : (self + mask) & ~mask
    }
}

extension UInt64 {
    /// Units of 512 bytes that so many bytes take, as st_blocks counts.
    @inlinable package var blocksOf512: UInt64 { self / 512 + (self % 512 == 0 ? 0 : 1) }
}

extension Range where Bound == UInt64 {
    /// `length` bytes from `offset` on; fewer where they would end beyond the last number.
    @inlinable package init(at offset: UInt64, count length: UInt64) {
        self = offset..<offset.adding(clamping: length)
    }
}

extension Int64 {
    /// Nanoseconds of a time in seconds and nanoseconds, which may be of any sign and size; the first
    /// or last moment that can be said where it lies beyond.
    @inlinable package init(seconds: Int64, nanoseconds: Int64) {
        self = seconds.multiplied(clamping: 1_000_000_000).adding(clamping: nanoseconds)
    }
}

extension UInt64 {
    /// A number of decimal digits and nothing else.
    /// - Returns: nil too if it does not fit.
    package init?(digits: some Collection<UInt8>) {
        guard !digits.isEmpty, digits.count <= 20, digits.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        self.init(String(decoding: Array(digits), as: UTF8.self))
    }
}
