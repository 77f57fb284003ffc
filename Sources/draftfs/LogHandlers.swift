// LogHandlers: sends swift-log messages to standard error or to syslog(3). Messages are rare.

import Glibc
import Logging

enum Logging {
    static func makeLogger(_ target: LogTarget, level: Logger.Level) -> Logger {
        var logger = Logger(label: "draftfs") { label in
            switch target {
            case .stderr: StreamLogHandler.standardError(label: label)
            case .syslog: SyslogHandler()
            }
        }
        logger.logLevel = level
        return logger
    }
}

struct SyslogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    init() { openlog("draftfs", LOG_PID, LOG_DAEMON) }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let priority: Int32 = switch event.level {
        case .trace, .debug: LOG_DEBUG
        case .info: LOG_INFO
        case .notice: LOG_NOTICE
        case .warning: LOG_WARNING
        case .error: LOG_ERR
        case .critical: LOG_CRIT
        }
        // The message is an argument, never the format.
        "\(event.message)".withCString { text in
            withVaList([text]) { vsyslog(priority, "%s", $0) }
        }
    }
}
