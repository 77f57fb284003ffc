// The text of the metrics, without a mount. If promtool is on PATH, it checks the text too.

import Overlay
import TestSupport
import Testing

@testable import MountServer

@Suite struct MetricsTextTests {
    private var sample: MetricsSample {
        var sample = MetricsSample()
        sample.version = "1.2.3"
        sample.uptimeSeconds = 77
        sample.requests = [("LOOKUP", 5), ("WRITE", 18_446_744_073_709_551_615)]
        sample.events = [("notice", 0), ("warning", 2), ("error", 1)]
        sample.knownWorkspaces = 2
        var one = MetricsSample.Workspace(name: "quo\"te \\ line\nend ä", id: 1)
        one.usedBytes = 12
        one.bytesLimit = 100
        one.memory.inodes = 640
        sample.workspaces = [one, MetricsSample.Workspace(name: "two", id: 2)]
        sample.memoryBudget = 268_435_456
        return sample
    }

    private func lines(_ sample: MetricsSample) -> [Substring] {
        String(decoding: MetricsText.render(sample), as: UTF8.self).split(separator: "\n")
    }

    @Test("Every metric has HELP and TYPE once, before its values, and a fitting name")
    func form() {
        let lines = lines(sample)
        var kinds: [Substring: Substring] = [:]
        var seen: Set<Substring> = []
        for line in lines.dropLast() {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# HELP") {
                #expect(words.count == 4 && words[3].hasSuffix("."), "\(line)")
            } else if line.hasPrefix("# TYPE") {
                #expect(kinds.updateValue(words[3], forKey: words[2]) == nil, "\(line)")
                #expect((words[3] == "counter") == words[2].hasSuffix("_total"), "\(line)")
            } else {
                let name = line.prefix { $0 != "{" && $0 != " " }
                #expect(kinds[name] != nil, "\(line)")
                #expect(seen.insert(line).inserted, "\(line)")
                #expect(line.split(separator: " ").last.map { UInt64($0) != nil } == true, "\(line)")
            }
        }
        #expect(lines.last == "# EOF")
    }

    @Test("Values and labels are correct, and names are escaped")
    func values() {
        let lines = lines(sample)
        for line in [
            "draftfs_build_info{version=\"1.2.3\"} 1", "draftfs_uptime_seconds 77",
            "draftfs_fuse_requests_total{opcode=\"LOOKUP\"} 5",
            "draftfs_fuse_requests_total{opcode=\"WRITE\"} 18446744073709551615",
            "draftfs_events_total{severity=\"warning\"} 2",
            "draftfs_workspace_used_bytes{workspace=\"quo\\\"te \\\\ line\\nend ä\",id=\"1\"} 12",
            "draftfs_workspace_used_bytes{workspace=\"two\",id=\"2\"} 0",
            "draftfs_memory_budget_bytes 268435456",
            "draftfs_workspace_memory_bytes{workspace=\"two\",id=\"2\",part=\"inodes\"} 0",
        ] {
            #expect(lines.contains(Substring(line)), "\(line)")
        }
        #expect(lines.count { $0.hasPrefix("draftfs_workspace_limit_bytes{") } == 1)
        #expect(!lines.contains { $0.contains("draftfs_workspace_limit_files") })
    }

    @Test(
        "promtool accepts the text without a message",
        .enabled(
            if: (try? ChildProcess.run(["sh", "-c", "command -v promtool"]).succeeded) == true,
            "needs promtool"))
    func promtool() throws {
        let directory = try TemporaryDirectory("metrics")
        try writeFile(directory("text"), MetricsText.render(sample))
        let run = try ChildProcess.run(
            ["sh", "-c", "promtool check metrics < '\(directory("text"))' 2>&1"], seconds: 20)
        #expect(run.succeeded)
        #expect(run.text == "")
    }
}
