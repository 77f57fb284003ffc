// EventList: prints the origins of the allocations, locks, system calls and instructions of the last
// measured request. scripts/bench.d/costs.py turns them into lines of the sources. The output is
// tab-separated: one line for each event, with its kind and its call sites in the program, innermost
// first; then one line for each instruction address, with its count. A place in a library is the name of a
// function, or of the library.

import CStepper

enum EventList {
    static func show(_ name: String) {
        print("# \(name)")
        for index in 0..<cs_event_count() {
            guard let event = cs_event(index)?.pointee else { continue }
            print(([kind(event)] + sites(event)).joined(separator: "\t"))
        }
        var position = 0
        while true {
            let place = cs_next_place(&position)
            if place.address == 0 { return }
            print("instructions\t\(site(place.address))\t\(place.count)")
        }
    }

    private static func kind(_ event: cs_event_t) -> String {
        let text =
            switch Int(event.kind) {
            case CS_ALLOCATION: "allocation of \(event.detail) bytes"
            case CS_LOCK: "lock"
            default: "system call \(event.detail)"
            }
        return event.by_fuse == 0 ? text : "\(text), libfuse"
    }

    private static func sites(_ event: cs_event_t) -> [String] {
        let all = withUnsafeBytes(of: event.sites) { Array($0.bindMemory(to: UInt.self)) }
        return all.prefix(Int(event.count)).map { site($0) }
    }

    private static func site(_ address: UInt) -> String {
        let offset = cs_offset(address)
        if offset != 0 { return "0x" + String(offset, radix: 16) }
        return cs_function(address).map { String(cString: $0) } ?? "?"
    }
}
