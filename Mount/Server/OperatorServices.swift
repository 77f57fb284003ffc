// OperatorServices: limits, drift, refresh and metrics for the control files.

internal import Control
internal import Overlay
internal import Past
internal import Platform
internal import Storage

extension ControlServices {
    mutating func provide(
        _ set: WorkspaceSet, _ report: StatusReport, _ negatives: NegativeNames, clock: Clock
    ) {
        metrics = { workspace throws(CommandError) in
            report.metrics(workspace: workspace?.id ?? 0)
        }
        limits = { workspace throws(CommandError) in
            guard let workspace else {
                var limits = set.operatorLimits
                limits.set(.retention, to: set.discards.retention)
                return Self.text(limits, WorkspaceSet.storeKeys)
            }
            var limits = workspace.accounts.operatorLimits
            // The store's pin limit applies if the workspace has none.
            limits.set(.pin, to: workspace.accounts.pinLimit)
            return Self.text(limits, OperatorLimits.Key.allCases)
        }
        setLimit = { key, value, workspace, _ throws(CommandError) in
            let number: UInt64? = if case .value(let number) = value { number } else { nil }
            if let workspace {
                try workspace.accounts.setLimit(Self.stored(key), to: number)
            } else {
                try set.setLimit(Self.stored(key), to: number)
            }
        }
        drift = { workspace throws(CommandError) in
            let files = try workspace?.baseFiles.driftedFiles() ?? []
            return StateTexts.drift(files.map {
                DriftLine(
                    path: $0.path, reason: $0.reason, isKept: $0.isKept, version: $0.version)
            })
        }
        acceptDrift = { path, workspace, caller throws(CommandError) in
            try workspace.commands.acceptDrift(path, caller: caller)
        }
        keepOurs = { path, version, workspace, caller throws(CommandError) in
            try workspace.commands.keepOurs(path, over: version, caller: caller)
        }
        dropDrift = { path, workspace, caller throws(CommandError) in
            try workspace.commands.dropDrift(path, caller: caller)
        }
        fork = { workspace, name, moment, caller throws(CommandError) in
            _ = try set.forks.fork(workspace, as: name, at: moment, caller: caller)
        }
        provideCommits(CommitService(set, jobs, clock: clock))
        let releases = ReleaseService(set, jobs, clock: clock)
        release = { workspace, isDryRun, age throws(CommandError) in
            releases.run(workspace, isDryRun: isDryRun, age: age)
        }
        releaseReport = { workspace in releases.text(workspace) }
        missingNames = { workspace in workspace.baseFiles.namesOfBase(negatives.take(of: workspace)) }
    }

    private mutating func provideCommits(_ commits: CommitService) {
        commits.finishInterrupted()
        commit = { workspace, request throws(CommandError) in try commits.commit(workspace, request) }
        commitReport = { workspace in commits.text(.commit, of: workspace) }
        refresh = { workspace, request, caller throws(CommandError) in
            try commits.refresh(workspace, request, caller)
        }
        refreshReport = { workspace in commits.text(.refresh, of: workspace) }
        merge = { workspace, request, caller throws(CommandError) in
            try commits.merge(workspace, request, caller)
        }
        mergeReport = { workspace in commits.text(.merge, of: workspace) }
    }

    /// Returns the stored key for a key of the commands.
    private static func stored(_ key: LimitKey) -> OperatorLimits.Key {
        switch key {
        case .bytes: .bytes
        case .files: .files
        case .fileSize: .fileSize
        case .memory: .memory
        case .largeFile: .largeFile
        case .retention: .retention
        case .pin: .pin
        }
    }

    private static func text(_ limits: OperatorLimits, _ keys: [OperatorLimits.Key]) -> [UInt8] {
        let keys = LimitKey.allCases.filter { keys.contains(stored($0)) }
        var values: [LimitKey: UInt64] = [:]
        for key in keys { values[key] = limits[stored(key)] }
        return StateTexts.limits(values, of: keys)
    }
}
