// TextEncoding: detects the encoding of a file's bytes, and converts text from and to it. Boundaries of
// characters are found in parts of any length, so a large file is never in memory as a whole.

/// The encodings that are distinguished.
package enum TextEncoding: String, Sendable, CaseIterable {
    case utf8 = "utf-8"
    case utf16LittleEndian = "utf-16le"
    case utf16BigEndian = "utf-16be"
    /// ISO 8859-1: text that is not UTF-8.
    case latin1 = "latin-1"
    case binary

    /// The bytes of the smallest unit at which a text may be cut.
    package var unit: Int {
        switch self {
        case .utf16LittleEndian, .utf16BigEndian: 2
        default: 1
        }
    }

    /// Returns the bytes of a byte order mark at the front.
    package func markLength(_ head: some Collection<UInt8>) -> Int {
        switch self {
        case .utf8: head.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
        case .utf16LittleEndian: head.starts(with: [0xff, 0xfe]) ? 2 : 0
        case .utf16BigEndian: head.starts(with: [0xfe, 0xff]) ? 2 : 0
        case .latin1, .binary: 0
        }
    }

    /// Returns the encoding of a file from its first bytes.
    /// - Parameters:
    ///   - sample: bytes from the start of the file.
    ///   - isWhole: whether the sample is the whole file; otherwise its end may cut a character.
    package static func detect(_ sample: [UInt8], isWhole: Bool) -> TextEncoding {
        if sample.starts(with: [0xff, 0xfe]) { return .utf16LittleEndian }
        if sample.starts(with: [0xfe, 0xff]) { return .utf16BigEndian }
        if sample.contains(0) { return utf16WithoutMark(sample) ?? .binary }
        if UTF8Scan.isValid(sample[...], cutsEnd: !isWhole) { return .utf8 }
        // Control characters other than white space and escape do not occur in text.
        let controls = sample.count { $0 < 0x20 && !(0x08...0x0d).contains($0) && $0 != 0x1b }
        return controls * 100 > sample.count ? .binary : .latin1
    }

    /// Detects UTF-16 without a mark: in mostly ASCII text every second byte is zero.
    private static func utf16WithoutMark(_ sample: [UInt8]) -> TextEncoding? {
        guard sample.count >= 4 else { return nil }
        var zeros = [0, 0]
        for (index, byte) in sample.enumerated() where byte == 0 { zeros[index & 1] += 1 }
        let half = sample.count / 2
        if zeros[1] * 10 >= half * 7, zeros[0] == 0 { return .utf16LittleEndian }
        if zeros[0] * 10 >= half * 7, zeros[1] == 0 { return .utf16BigEndian }
        return nil
    }

    /// Returns whether a character may begin at `index` of `bytes`.
    func isBoundary(_ bytes: ArraySlice<UInt8>, _ index: Int) -> Bool {
        guard index > bytes.startIndex, index < bytes.endIndex else { return true }
        switch self {
        case .utf8:
            return bytes[index] & 0xc0 != 0x80
        case .utf16LittleEndian, .utf16BigEndian:
            guard (index - bytes.startIndex) % 2 == 0, index + 1 < bytes.endIndex else { return false }
            // A low surrogate is the second half of a character.
            let high = self == .utf16LittleEndian ? bytes[index + 1] : bytes[index]
            return !(0xdc...0xdf).contains(high)
        case .latin1, .binary:
            return true
        }
    }

    /// Returns whole characters as a string.
    /// - Returns: nil if the bytes are invalid in this encoding.
    package func decode(_ bytes: ArraySlice<UInt8>) -> String? {
        switch self {
        case .utf8:
            return UTF8Scan.isValid(bytes, cutsEnd: false) ? String(decoding: bytes, as: UTF8.self) : nil
        case .latin1:
            var text = String.UnicodeScalarView()
            for byte in bytes { text.append(Unicode.Scalar(byte)) }
            return String(text)
        case .utf16LittleEndian, .utf16BigEndian:
            guard bytes.count % 2 == 0 else { return nil }
            let isLittle = self == .utf16LittleEndian
            let units = stride(from: bytes.startIndex, to: bytes.endIndex, by: 2).map { index in
                let (low, high) = isLittle
                    ? (bytes[index], bytes[index + 1]) : (bytes[index + 1], bytes[index])
                return UInt16(low) | UInt16(high) << 8
            }
            return String(decoding: units, as: UTF16.self)
        case .binary:
            return nil
        }
    }

    /// Returns the bytes of a text in this encoding.
    /// - Returns: nil if the text has a character that the encoding does not have.
    package func encode(_ text: String) -> [UInt8]? {
        switch self {
        case .utf8, .binary:
            return Array(text.utf8)
        case .latin1:
            var bytes: [UInt8] = []
            for scalar in text.unicodeScalars {
                guard let byte = UInt8(exactly: scalar.value) else { return nil }
                bytes.append(byte)
            }
            return bytes
        case .utf16LittleEndian, .utf16BigEndian:
            return text.utf16.flatMap { unit in
                let (low, high) = (UInt8(truncatingIfNeeded: unit), UInt8(truncatingIfNeeded: unit >> 8))
                return self == .utf16LittleEndian ? [low, high] : [high, low]
            }
        }
    }
}

/// Checks whether bytes are UTF-8 (Unicode 15, table 3-7).
enum UTF8Scan {
    /// - Parameter cutsEnd: whether the last character may be incomplete.
    static func isValid(_ bytes: ArraySlice<UInt8>, cutsEnd: Bool) -> Bool {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            switch length(bytes, index) {
            case .some(0): return cutsEnd
            case .some(let length): index += length
            case nil: return false
            }
        }
        return true
    }

    /// Returns the first byte that begins no whole character.
    /// - Parameter end: characters that begin at or after this index are not examined.
    static func firstInvalid(_ bytes: [UInt8], from start: Int, to end: Int) -> Int {
        var index = start
        while index < end {
            if bytes[index] < 0x80 {
                index += 1
                continue
            }
            guard let length = length(bytes[...], index), length > 0 else { return index }
            index += length
        }
        return min(index, bytes.count)
    }

    /// Returns the bytes of the character that begins at `index`; 0 if it is cut off, nil if it is invalid.
    private static func length(_ bytes: ArraySlice<UInt8>, _ index: Int) -> Int? {
        let lead = bytes[index]
        if lead < 0x80 { return 1 }
        let length: Int
        var range: ClosedRange<UInt8> = 0x80...0xbf
        switch lead {
        case 0xc2...0xdf: length = 2
        case 0xe0: (length, range) = (3, 0xa0...0xbf)
        case 0xed: (length, range) = (3, 0x80...0x9f)
        case 0xe1...0xef: length = 3
        case 0xf0: (length, range) = (4, 0x90...0xbf)
        case 0xf4: (length, range) = (4, 0x80...0x8f)
        case 0xf1...0xf3: length = 4
        default: return nil
        }
        for place in 1..<length {
            guard index + place < bytes.endIndex else { return 0 }
            guard range.contains(bytes[index + place]) else { return nil }
            range = 0x80...0xbf
        }
        return length
    }
}
